"""LoRA adapters in a whole cluster with synthetic engines: declared, or loaded and unloaded over HTTP."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.run_state import state_dir
from tests.deployments.adapter_folder import adapter_folder
from tests.serving import Serving, chat, serving, stream, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

TOKEN = "correct-horse-battery-staple"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that adapters may be loaded from, with one in it."""
    folder = tmp_path_factory.mktemp("adapters")
    adapter_folder(folder / "late")
    return folder


@pytest.fixture(scope="module")
def cluster(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    config: dict[str, Any] = {
        "models": {
            "dense": {
                "family": "dense",
                "source": "synthetic",
                "runtime": "synthetic",
                "synthetic": {"slots": 4, "step": {"base_ms": 20}},
                "replicas": {"min": 2, "max": 3},
                "adapters": {"legal": "org/legal"},
                "max_waiting": 200,
            }
        },
        "gateway": {"admin": {"token_env": "TERCET_TEST_TOKEN", "adapters_from": [str(place)]}},
        # Two replicas of four slots are enough for six requests, and not for forty.
        "autoscale": {"policy": "queue", "hold": {"down": "60s"}, "queue": {"target_utilization": 1.0}},
    }
    env = {"TERCET_TEST_TOKEN": TOKEN}
    with serving(config, tmp_path_factory.mktemp("serve"), ready_within_s=120, env=env) as one:
        yield one


def change(cluster: Serving, verb: str, name: str, **body: Any) -> httpx.Response:
    return httpx.post(
        f"{cluster.url}/v1/{verb}_lora_adapter", json={"lora_name": name, **body}, headers=BEARER, timeout=150
    )


def answering(cluster: Serving, model: str, requests: int = 6) -> set[str]:
    """Ask *model* many times at once; return the replicas that answered, each of them as that model."""
    with concurrent.futures.ThreadPoolExecutor(requests) as workers:
        told = list(workers.map(lambda n: chat(cluster.url, model, f"{n} hello", max_tokens=30), range(requests)))
    assert {one.status_code for one in told} == {200}, [one.text for one in told if one.status_code != 200]
    assert {one.json()["model"] for one in told} == {model}
    return {one.headers["x-tercet-replica"] for one in told}


def ready(cluster: Serving) -> int:
    count: int = cluster.status()["pools"]["dense"]["stages"].get("ready", 0)
    return count


def ids(cluster: Serving) -> set[str]:
    return {one["id"] for one in httpx.get(f"{cluster.url}/v1/models", timeout=10).json()["data"]}


def test_a_declared_adapter_answers_from_every_replica_at_once(cluster: Serving) -> None:
    """It is held before the cluster says that it is ready, and its words are its own."""
    assert len(answering(cluster, "dense:legal")) == 2
    plain, adapted = (chat(cluster.url, model, "hi", max_tokens=8).json() for model in ("dense", "dense:legal"))
    assert plain["choices"] != adapted["choices"]


def test_a_loaded_adapter_is_on_every_replica_when_the_answer_comes_and_on_new_ones_later(
    cluster: Serving, place: Path
) -> None:
    """Two replicas hold it at once; a third that starts under load holds it before it is sent requests for it."""
    assert chat(cluster.url, "dense:late", "hi").status_code == 404
    loaded = change(cluster, "load", "dense:late", lora_path=str(place / "late"))
    assert loaded.status_code == 200, loaded.text
    assert len(loaded.json()["replicas"]) == 2
    assert "dense:late" in ids(cluster)
    assert len(answering(cluster, "dense:late")) == 2

    until(lambda: answering(cluster, "dense:late", 40) and ready(cluster) == 3, within_s=90, what="a third replica")
    until(lambda: len(answering(cluster, "dense:late", 40)) == 3, within_s=60, what="an answer from the third replica")


def test_a_load_that_fails_says_where_and_leaves_nothing_behind(cluster: Serving, place: Path) -> None:
    """Every replica's reason is in the answer; the name stays unknown and can be used for another adapter."""
    (place / "empty").mkdir()
    told = change(cluster, "load", "dense:empty", lora_path=str(place / "empty"))
    assert told.status_code == 400
    assert "adapter_config.json" in told.json()["error"]["message"]
    assert "dense:empty" not in ids(cluster)
    assert chat(cluster.url, "dense:empty", "hi").status_code == 404
    assert change(cluster, "unload", "dense:empty").status_code == 400


def test_an_adapter_that_is_unloaded_lets_running_requests_finish(cluster: Serving, place: Path) -> None:
    """The stream comes to its end, and no replica answers for the name any more."""
    change(cluster, "load", "dense:brief", lora_path=str(place / "late"))
    unloaded: list[httpx.Response] = []

    def unload(events: int) -> None:
        if events == 3:
            unloaded.append(change(cluster, "unload", "dense:brief"))

    events = stream(cluster.url, "dense:brief", "go on", after=unload, max_tokens=300, ignore_eos=True)
    assert [one.status_code for one in unloaded] == [200]
    assert events[-1] == "[DONE]"
    assert len(events) > 100
    assert chat(cluster.url, "dense:brief", "hi").status_code == 404
    assert "dense:brief" not in ids(cluster)


def test_a_restarted_controller_remembers_what_was_loaded(cluster: Serving, place: Path) -> None:
    """Its orders are in the cluster, not in its process."""
    assert change(cluster, "load", "dense:kept", lora_path=str(place / "late")).status_code == 200
    (controller,) = [one for one in cluster.processes() if "ray::FleetController" in " ".join(one.cmdline())]
    controller.kill()
    until(lambda: _again(cluster), within_s=60, what="the restarted controller")
    assert "dense:kept" in ids(cluster)
    assert answering(cluster, "dense:kept")
    assert change(cluster, "unload", "dense:kept").status_code == 200


def _again(cluster: Serving) -> bool:
    try:
        return ready(cluster) >= 2
    except Exception:  # noqa: BLE001 - the command fails while nobody answers it
        return False


def test_the_token_is_in_no_file_and_no_output_of_the_cluster(cluster: Serving) -> None:
    """It is used all the time above, and written nowhere."""
    assert chat(cluster.url, "dense", "hi").status_code == 200
    refused = httpx.post(f"{cluster.url}/v1/load_lora_adapter", json={}, headers={"authorization": "Bearer no"})
    assert refused.status_code == 401
    assert TOKEN not in cluster.output
    written = [file for file in state_dir(cluster.port).rglob("*") if file.is_file()]
    assert len(written) > 10
    assert not [file for file in (*written, cluster.file) if TOKEN.encode() in file.read_bytes()]
