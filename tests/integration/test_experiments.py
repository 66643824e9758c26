"""Canaries and records in a whole cluster with two gateways: one stage for both, which outlives a controller."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import psutil
import pytest

from cluster.run_state import state_dir
from tests.serving import TERCET, Serving, chat, serving, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


def synthetic(**more: Any) -> dict[str, Any]:
    quick = {"step": {"base_ms": 1}, "output_tokens": 4}
    return {"family": "dense", "source": "synthetic", "runtime": "synthetic", "synthetic": {**quick, **more}}


CONFIG: dict[str, Any] = {
    "models": {
        "dense": synthetic(),
        "next": synthetic(),
        "broken": synthetic(faults={"refuse": True}),
    },
    "graph": {
        "auto": {"record": "good", "text": True},
        "good": {
            "canary": "dense",
            "to": "next",
            "stages": ["shadow", "50%", "100%"],
            "hold_each": "1s",
            "min_requests": 8,
            "gates": {"error_rate": {"at_most": "5%"}},
            "mirror": {"share": "100%"},
        },
        "bad": {"canary": "dense", "to": "broken", "stages": ["50%", "100%"], "hold_each": "1s"},
    },
    "gateway": {"replicas": 2},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(CONFIG, tmp_path_factory.mktemp("serve"), ready_within_s=120) as one:
        yield one


def tercet(*arguments: str) -> str:
    done = subprocess.run([TERCET, *arguments], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(cluster: Serving, node: str, action: str = "show") -> dict[str, Any]:
    told: dict[str, Any] = json.loads(tercet("canary", action, node, "--port", str(cluster.port), "--json"))
    return told


def asked(cluster: Serving, name: str, times: int) -> list[httpx.Response]:
    return [chat(cluster.url, name, "hello") for _ in range(times)]


def test_a_good_candidate_is_promoted_on_every_gateway(cluster: Serving) -> None:
    """Mirrored, a half, all, with no hand on it; then both gateways give it everything, and records tell both arms."""

    def promoted() -> bool:
        assert all(answer.status_code == 200 for answer in asked(cluster, "auto", 20))
        return bool(shown(cluster, "good")["status"] == "promoted")

    until(promoted, within_s=90, what="the candidate is promoted")
    until(
        lambda: {answer.headers["x-tercet-canary"] for answer in asked(cluster, "auto", 20)} == {"good=next"},
        within_s=10,
        what="every gateway has heard of it",
    )
    told = json.loads(tercet("compare", str(state_dir(cluster.port) / "records"), "--json"))
    (experiment,) = told["experiments"]
    assert experiment["name"] == "good"
    assert set(experiment["arms"]) == {"dense", "next"}
    assert all(figures["error_share"]["value"] == 0 for figures in experiment["arms"].values())


def test_a_canary_goes_where_an_operator_wants_it(cluster: Serving) -> None:
    """Begun again, held and taken a stage further."""
    assert shown(cluster, "good", "restart")["index"] == 0
    assert shown(cluster, "good", "hold")["held"]
    assert shown(cluster, "good", "promote")["index"] == 1


# The last test: it kills the controller.
def test_what_was_rolled_back_stays_so_over_a_restart_of_the_controller(cluster: Serving) -> None:
    """A candidate that refuses everything is given up, and not tried again by a controller that begins anew."""

    def rolled_back() -> bool:
        asked(cluster, "bad", 8)
        return bool(shown(cluster, "bad")["status"] == "rolled_back")

    until(rolled_back, within_s=60, what="the candidate is rolled back")
    (controller,) = controllers(cluster)
    controller.kill()
    until(lambda: _again(cluster, controller.pid), within_s=60, what="another controller decides")
    assert all(answer.status_code == 200 for answer in asked(cluster, "bad", 30))
    told = shown(cluster, "bad")
    assert (told["status"], told["share"]) == ("rolled_back", 0.0)


def controllers(cluster: Serving) -> list[psutil.Process]:
    found = []
    for process in cluster.processes():
        with suppress(psutil.Error):  # one that has just ended has no name any more
            if "ray::FleetController" in " ".join(process.cmdline()):
                found.append(process)
    return found


def _again(cluster: Serving, before: int) -> bool:
    if not any(one.pid != before for one in controllers(cluster)):
        return False
    done = subprocess.run(
        [TERCET, "canary", "show", "bad", "--port", str(cluster.port)], capture_output=True, timeout=90, check=False
    )
    return done.returncode == 0
