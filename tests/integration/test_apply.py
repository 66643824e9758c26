"""`tercet apply` on a running cluster with synthetic engines: real Ray, real Serve, requests under way all the time."""

from __future__ import annotations

import concurrent.futures
import copy
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.serving import TERCET, Serving, chat, serving, stream, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


def pool(**fields: Any) -> dict[str, Any]:
    synthetic = {"slots": 32, "step": {"base_ms": 10}}
    return {"family": "dense", "source": "synthetic", "runtime": "synthetic", "synthetic": synthetic, **fields}


CONFIG: dict[str, Any] = {
    "models": {"dense": pool(replicas={"min": 1, "max": 2}), "distilled": pool()},
    "graph": {"auto": {"fallback": ["dense", "distilled"]}},
    "gateway": {"replicas": 2},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(CONFIG, tmp_path_factory.mktemp("apply"), ready_within_s=120) as one:
        yield one


def apply(one: Serving, config: dict[str, Any], directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``tercet apply`` with *config* as the file."""
    file = directory / "new.yaml"
    file.write_text(yaml.safe_dump(config))
    return subprocess.run(
        [TERCET, "apply", str(file), "--port", str(one.port), "--wait", "60", *options],
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip


class Load:
    """Requests one after the other from a few clients, streamed and whole, until the block ends."""

    def __init__(self, url: str, clients: int = 3) -> None:
        self._url, self._over, self.answered = url, threading.Event(), 0
        self._clients = concurrent.futures.ThreadPoolExecutor(clients)
        self._work = [self._clients.submit(self._run, at) for at in range(clients)]

    def _run(self, at: int) -> None:
        while not self._over.is_set():
            if at % 2:
                events = stream(self._url, "auto", "go", max_tokens=40, ignore_eos=True)
                assert events[-1] == "[DONE]", events[-1]
            else:
                response = chat(self._url, "auto", "go", max_tokens=20, ignore_eos=True)
                assert response.status_code == 200, response.text
            self.answered += 1

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._work:
            one.result(timeout=60)
        self._clients.shutdown()


def processes(one: Serving) -> tuple[set[int], set[int]]:
    """Return the processes of the engines and of the gateways."""
    engines = {process.pid for name in ("dense", "distilled") for process in one.replicas(name)}
    return engines, {process.pid for process in one.gateways()}


def answered_by(one: Serving) -> str:
    return chat(one.url, "auto", "go", max_tokens=1).headers["x-tercet-path"]


def test_graph_and_limits_change_under_load_and_no_request_fails(cluster: Serving, tmp_path: Path) -> None:
    """Engines and gateways are the same processes afterwards, and every gateway answers by the new graph."""
    before = processes(cluster)
    assert len(before[1]) == 2
    changed = copy.deepcopy(CONFIG)
    changed["graph"]["auto"] = {"fallback": ["distilled", "dense"], "timeout": {"first_token": "20s"}}
    changed["models"]["dense"]["max_waiting"] = 200
    changed["models"]["distilled"]["replicas"] = {"min": 1, "max": 2}
    with Load(cluster.url) as load:
        assert answered_by(cluster) == "auto>dense"
        done = apply(cluster, changed, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {answered_by(cluster) for _ in range(8)} == {"auto>distilled"}
        seen = load.answered
        back = apply(cluster, CONFIG, tmp_path)
        assert back.returncode == 0, back.stdout + back.stderr
        assert {answered_by(cluster) for _ in range(8)} == {"auto>dense"}
    assert seen > 10
    assert processes(cluster) == before
    assert "graph.auto" in done.stdout
    assert "models.dense.max_waiting: 64 -> 200" in done.stdout
    assert "applied: 2 of 2 gateways have settings" in done.stdout
    settings = {one["settings"] for one in cluster.status()["gateways"]}
    assert len(settings) == 1
    assert settings.pop() in back.stdout


def test_a_bad_file_changes_nothing(cluster: Serving, tmp_path: Path) -> None:
    """Every problem is told at once."""
    before = cluster.status()["gateways"]
    bad = copy.deepcopy(CONFIG)
    bad["graph"] = {"auto": {"fallback": ["distilled", "nobody"]}, "loop": {"fallback": ["loop"]}}
    done = apply(cluster, bad, tmp_path)
    assert done.returncode == 1
    assert "graph.auto.fallback[1]" in done.stderr
    assert "graph.loop: leads back to itself" in done.stderr
    assert {one["settings"] for one in cluster.status()["gateways"]} == {one["settings"] for one in before}
    assert answered_by(cluster) == "auto>dense"


def test_what_restarts_engines_waits_for_a_yes(cluster: Serving, tmp_path: Path) -> None:
    """Without it nothing changes, the harmless part included."""
    before = processes(cluster)
    other = copy.deepcopy(CONFIG)
    other["models"]["distilled"]["synthetic"] = {"slots": 8}
    other["graph"]["auto"] = {"fallback": ["distilled"]}
    refused = apply(cluster, other, tmp_path)
    assert refused.returncode == 1
    assert "restarts engines  models.distilled.synthetic" in refused.stdout
    assert "nothing was changed" in refused.stderr
    assert processes(cluster) == before
    assert answered_by(cluster) == "auto>dense"


def test_a_pool_comes_and_another_goes_without_losing_a_request(cluster: Serving, tmp_path: Path) -> None:
    """The new one is ready before the gateways hear of it; the old one goes after they have forgotten it."""
    (dense,) = cluster.replicas("dense")
    other = copy.deepcopy(CONFIG)
    other["models"] = {"dense": CONFIG["models"]["dense"], "moe": pool(family="moe")}
    other["graph"]["auto"] = {"fallback": ["moe", "dense"]}
    with Load(cluster.url):
        done = apply(cluster, other, tmp_path, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert answered_by(cluster) == "auto>moe"
    assert [one.pid for one in cluster.replicas("dense")] == [dense.pid]
    assert chat(cluster.url, "distilled", "go").status_code == 404


def test_a_yes_restarts_the_engines_that_changed_and_no_others(cluster: Serving, tmp_path: Path) -> None:
    """Whatever the tests before have left behind."""
    first = apply(cluster, CONFIG, tmp_path, "--yes")
    assert first.returncode == 0, first.stdout + first.stderr
    (dense,), (distilled,) = cluster.replicas("dense"), cluster.replicas("distilled")
    other = copy.deepcopy(CONFIG)
    other["models"]["distilled"]["synthetic"] = {"slots": 8}
    done = apply(cluster, other, tmp_path, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr

    def restarted() -> bool:
        return bool(pids := {one.pid for one in cluster.replicas("distilled")}) and distilled.pid not in pids

    until(restarted, within_s=60, what="another engine of the changed pool")
    assert [one.pid for one in cluster.replicas("dense")] == [dense.pid]
