"""Ray's ports run any code of whoever they trust: without this cluster's token they trust nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.run_state import state_dir
from tests.serving import serving

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

CONNECT = """
import sys
from ray._raylet import GcsClient
try:
    print(len(GcsClient(address=sys.argv[1]).get_all_node_info()), "nodes seen")
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def _connect(address: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run(
        [sys.executable, "-c", CONNECT, address],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**clean, **env},
    )


def test_who_has_no_token_is_turned_away(tmp_path: Path) -> None:
    """The same call succeeds with the token and is refused without it, or with another."""
    config = {"models": {"solo": {"family": "dense", "source": "x", "runtime": "synthetic"}}}
    with serving(config, tmp_path, ready_within_s=120) as one:
        directory = state_dir(one.port)
        address = json.loads((directory / "run.json").read_text())["ray_address"]
        ours = _connect(address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(directory / "ray-token"))
        assert "1 nodes seen" in ours.stdout, ours.stderr
        (tmp_path / "guess").write_text("0" * 64)
        for env in ({}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(tmp_path / "guess")}):
            stranger = _connect(address, **env)
            assert stranger.returncode == 1
            assert "Auth" in stranger.stderr, stranger.stderr
