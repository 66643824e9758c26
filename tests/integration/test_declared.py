"""What the chart carries runs: its Serve config on real Ray through Serve's REST API, as KubeRay hands it over."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.declared.following import PAUSE_S, Following
from cluster.declared.groups import GATEWAY, offered
from cluster.declared.serve_api import ServeApi
from tests.charts.tools import objects, rendered, serve_config
from tests.declared import HEAD, TOKEN, Declared, declared
from tests.serving import chat, stream, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

POOL = {
    "family": "dense",
    "source": "synthetic",
    "runtime": "synthetic",
    "synthetic": {"slots": 8, "step": {"base_ms": 20}},
    "replicas": {"min": 1, "max": 2},
    "drain": "2m",
}
VALUES: dict[str, Any] = {
    "config": {
        "models": {"dense": POOL},
        "gateway": {"host": "0.0.0.0", "request_timeout": "1m"},  # noqa: S104 - a value
        "access": {"open": True},
        "autoscale": {"policy": "queue"},
    },
    "longestAnswerSeconds": 300,
    "workerGroups": {"cpu": {"limits": {"cpu": 2, "memory": "4Gi"}, "maxReplicas": 1, "pools": ["dense"]}},
}


def carried(document: dict[str, Any]) -> dict[str, Any]:
    """Return the Serve config in the RayService that the chart makes of *document*."""
    return serve_config(objects(rendered(values={**VALUES, "config": document})))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Declared]:
    # Sockets live below it, and HAProxy takes paths of 97 letters.
    with (
        tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as directory,
        declared(Path(directory), cpus=0, offers={GATEWAY: 1}) as one,
        one.machine(3, cpus=2, offers={offered("cpu"): 1}) as first,
    ):
        one.first = first
        result = one.deploy(carried(VALUES["config"]), within_s=120)
        assert result.returncode == 0, result.stderr + one.log
        yield one


def test_it_answers_once_it_counts_as_running(cluster: Declared) -> None:
    """KubeRay moves traffic when the declared application runs: then all that it declares is ready."""
    assert httpx.get(f"{cluster.url}/ready", timeout=10).status_code == 200
    answer = chat(cluster.url, "dense", "hi", max_tokens=4)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["completion_tokens"] == 4


def test_each_machine_tells_its_own_part_of_the_metrics(cluster: Declared) -> None:
    """Asked with its address, as the chart's monitors ask for each pod: nothing is left out, and nothing told twice."""

    def told(node: str) -> set[str]:
        text = httpx.get(f"{cluster.url}/metrics", params={"node": node}, timeout=10).text
        lines = (line for line in text.splitlines() if not line.startswith(("#", "tercet_exposition_")))
        return {line.rpartition(" ")[0] for line in lines}

    def parted() -> tuple[set[str], set[str]] | None:
        """Series come and go between two scrapes of what lives."""
        head, engines, every = told(HEAD), told("127.0.0.3"), told("")
        return (head, engines) if head | engines == every and not head & engines else None

    head, engines = until(parted, within_s=15, what="both machines' parts are the whole")
    assert {"tercet_autoscale_target", "tercet_requests_active"} <= {line.partition("{")[0] for line in head}
    assert "tercet_engine_running" in {line.partition("{")[0] for line in engines}


def test_rays_own_api_asks_for_the_token(cluster: Declared) -> None:
    """Whoever may hand over a config may run any code."""
    assert httpx.get(f"{cluster.dashboard}/api/serve/applications/", timeout=10).status_code in {401, 403}


def test_a_changed_document_restarts_nothing_that_goes_on(cluster: Declared) -> None:
    """A pool and a graph come while a stream runs; the engine of before is the same process after."""
    before = cluster.replicas("dense")
    events: list[str] = []
    long_one = threading.Thread(
        target=lambda: events.extend(stream(cluster.url, "dense", "go", max_tokens=600, ignore_eos=True))
    )
    long_one.start()
    document = {
        **VALUES["config"],
        "models": {"dense": POOL, "other": POOL},
        "graph": {"auto": {"fallback": ["other", "dense"]}},
        "default": "auto",
    }
    result = cluster.deploy(carried(document), within_s=120)
    assert result.returncode == 0, result.stderr
    assert chat(cluster.url, None, "hi", max_tokens=2).headers["x-tercet-path"] == "auto>other"
    long_one.join(timeout=60)
    assert events[-1] == "[DONE]"
    assert sum(bool(json.loads(one)["choices"][0]["delta"].get("content")) for one in events[:-1]) == 600
    assert cluster.replicas("dense") == before


def test_a_bad_document_is_refused_with_the_reason_and_what_ran_goes_on(cluster: Declared) -> None:
    """The schema is not asked here: somebody may have changed the config by hand."""
    result = cluster.deploy(_bad(), within_s=120)
    assert result.returncode == 1
    assert "models.dense.replicas.max: 0 is less than min (1)" in result.stderr
    assert chat(cluster.url, "dense", "hi", max_tokens=2).status_code == 200


def test_what_serve_has_given_up_is_tried_again_while_what_ran_goes_on(cluster: Declared) -> None:
    """It starts nothing anew for the same config; with the application it forgets that it has failed."""
    before = cluster.replicas("dense")
    following, config = Following(ServeApi(cluster.dashboard, TOKEN)), cluster.here(_bad())

    def becomes(status: str, at_s: float) -> None:
        until(lambda: following.look(config, at_s).status == status, within_s=60, what=status)

    following.look(config, 0.0)
    becomes("DEPLOY_FAILED", 1.0)
    following.look(config, 1.0 + PAUSE_S)
    becomes("DEPLOYING", 2.0 + PAUSE_S)
    becomes("DEPLOY_FAILED", 3.0 + PAUSE_S)
    assert chat(cluster.url, "dense", "hi", max_tokens=2).status_code == 200
    assert cluster.replicas("dense") == before


def test_a_pool_that_goes_is_drained_and_gone(cluster: Declared) -> None:
    """After the refused one, a good document is taken up again, and it takes a pool away."""
    result = cluster.deploy(carried(VALUES["config"]), within_s=120)
    assert result.returncode == 0, result.stderr
    gone = chat(cluster.url, "other", "hi", max_tokens=2)
    assert gone.status_code == 404, gone.text
    assert chat(cluster.url, None, "hi", max_tokens=2).status_code == 200


def test_a_machine_that_leaves_hands_its_replica_on_and_cuts_no_stream(cluster: Declared) -> None:
    """`tercet leave` ends when the stream has, and by then another machine has the replica."""
    with cluster.machine(4, cpus=2, offers={offered("cpu"): 1}) as other:
        events: list[str] = []
        begun = threading.Event()
        long_one = threading.Thread(
            target=lambda: events.extend(
                stream(cluster.url, "dense", "go", after=lambda _: begun.set(), max_tokens=500, ignore_eos=True)
            )
        )
        long_one.start()
        assert begun.wait(timeout=20)
        left = cluster.leaves(cluster.first, within_s=60)
        assert left.returncode == 0, left.stderr
        long_one.join(timeout=30)
        assert events[-1] == "[DONE]"
        assert sum(bool(json.loads(one)["choices"][0]["delta"].get("content")) for one in events[:-1]) == 500
        until(lambda: cluster.homes("dense") == {other}, within_s=20, what="the replica on the other machine alone")
        assert chat(cluster.url, "dense", "hi", max_tokens=2).status_code == 200


def test_the_head_leaves_when_nobody_is_answered(cluster: Declared) -> None:
    """It waits for all other machines, but not where nothing can be lost."""
    result = cluster.tercet(
        "leave", "--address", cluster.address, "--port", str(cluster.ports["serve"]), "--within", "60"
    )
    assert result.returncode == 0, result.stderr


def _bad() -> dict[str, Any]:
    """Return a config whose document has a problem that the chart's schema would have refused."""
    config = carried(VALUES["config"])
    document = config["applications"][0]["deployments"][0]["user_config"]["document"]
    document["models"]["dense"]["replicas"]["max"] = 0
    return config
