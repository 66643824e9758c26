"""What stands in the way of serving is said in one sentence, before anything is started."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.run_state import clear, state_dir, this_run, write
from tests.serving import TERCET, free_port

ONE_POOL = "models: {solo: {family: dense, source: x, runtime: synthetic}}\n"


def refused(document: str, directory: Path, *, port: int, code: int = 1, **env: str) -> str:
    """Run ``tercet serve`` and return its one sentence."""
    file = directory / "tercet.yaml"
    file.write_text(document)
    ended = subprocess.run(
        [TERCET, "serve", str(file), "--port", str(port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **env},
    )
    said = (ended.stdout + ended.stderr).strip()
    assert ended.returncode == code, said
    assert "Traceback" not in said
    return said


@pytest.fixture
def port() -> Iterator[int]:
    chosen = free_port()
    yield chosen
    clear(state_dir(chosen))


def test_a_port_in_use(port: int, tmp_path: Path) -> None:
    """The port and both ways out are named."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        said = refused(ONE_POOL, tmp_path, port=port)
    assert f"port {port}" in said
    assert "gateway.port" in said
    assert "\n" not in said


def test_a_tercet_that_already_runs(port: int, tmp_path: Path) -> None:
    """The running one is named, with the command that stops it."""
    directory = state_dir(port)
    directory.mkdir(parents=True, exist_ok=True)
    write(directory, this_run(ray_address="a", http=f"http://127.0.0.1:{port}"))
    said = refused(ONE_POOL, tmp_path, port=port)
    assert f"process {os.getpid()}" in said
    assert "tercet down" in said


def test_a_ray_cluster_that_is_already_meant(port: int, tmp_path: Path) -> None:
    """RAY_ADDRESS is not silently ignored."""
    assert "RAY_ADDRESS" in refused(ONE_POOL, tmp_path, port=port, RAY_ADDRESS="10.0.0.1:6379")


def test_too_little_memory(port: int, tmp_path: Path) -> None:
    """What is needed, what is free and the way out."""
    greedy = (
        "models: {solo: {family: dense, source: org/model, replicas: {min: 1, max: 1}, "
        "engine: {kv_cache_memory_bytes: 99000000000000}}}\n"
    )
    said = refused(greedy, tmp_path, port=port)
    assert "GiB of memory" in said
    assert "remove a model" in said


def test_a_checkpoint_that_is_not_there(port: int, tmp_path: Path) -> None:
    """The source is named with its place in the document."""
    said = refused("models: {solo: {family: dense, source: /no/such/model}}\n", tmp_path, port=port)
    assert "models.solo.source" in said
    assert "/no/such/model" in said


def test_a_file_that_is_not_there() -> None:
    """A missing document is a problem with its name."""
    ended = subprocess.run(
        [TERCET, "serve", "/no/such/file.yaml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "/no/such/file.yaml" in ended.stderr


def test_no_file_is_wrong_usage() -> None:
    """Usage errors end with 2."""
    ended = subprocess.run([TERCET, "serve"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2


def test_an_admin_token_that_is_not_there(port: int, tmp_path: Path) -> None:
    """The variable is named; a file without a token is as good as none."""
    for named, where in (("token_env: TERCET_TEST_TOKEN", "TERCET_TEST_TOKEN"), ("token_file: /nowhere", "/nowhere")):
        document = f"{ONE_POOL}gateway: {{admin: {{{named}}}}}\n"
        said = refused(document, tmp_path, port=port, TERCET_TEST_TOKEN="short")
        assert f"gateway.admin: {where} holds no token" in said
