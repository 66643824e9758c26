"""A whole cluster on real Ray and Serve, with synthetic engines."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.serving import TERCET, Serving, chat, serving, stream, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

LONG_TOKENS = 500
GATEWAY_RESIDENT_LIMIT = 300 * 2**20


def pool(family: str, **synthetic: Any) -> dict[str, Any]:
    return {
        "family": family,
        "source": "synthetic",
        "runtime": "synthetic",
        "synthetic": {"slots": 4, **synthetic},
        "replicas": {"min": 1, "max": 2},
        "slo": {"ttft_p95": "2s"},
        "max_waiting": 200,
    }


CONFIG: dict[str, Any] = {
    "models": {"dense": pool("dense", step={"base_ms": 25}), "distilled": pool("distilled", step={"base_ms": 5})},
    "graph": {
        "auto": {
            "switch": [
                {"when": {"task": ["code", "math"]}, "to": "careful"},
                {"to": "quick"},
            ]
        },
        "careful": {"fallback": ["dense", "distilled"], "timeout": {"first_token": "20s"}},
        "quick": {"fallback": ["distilled", "dense"]},
    },
    "autoscale": {"policy": "queue", "hold": {"down": "5s"}},  # sla keeps what it grew for ten minutes
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(CONFIG, tmp_path_factory.mktemp("serve"), ready_within_s=120) as one:
        yield one


def test_prints_the_progress_of_every_pool_and_a_curl_line(cluster: Serving) -> None:
    """Starting tells each pool's stages and ends with a command that works."""
    for name in ("dense", "distilled"):
        assert any(name in line and "ready" in line for line in cluster.lines), cluster.output
    assert f"curl {cluster.url}/v1/chat/completions" in cluster.output


def test_the_stages_of_a_start_are_told_and_scraped(cluster: Serving) -> None:
    """By each replica in the status, by pool in the gateway's metrics."""
    (replica,) = cluster.status()["pools"]["dense"]["replicas"]
    assert set(replica["startup_s"]) == {"process", "weights", "warm_up"}
    assert replica["startup_s"]["process"] > 0
    scraped = httpx.get(f"{cluster.url}/metrics", timeout=10).text
    assert 'tercet_replica_startup_seconds{pool="dense",stage="process"}' in scraped


def test_auto_sends_code_and_greeting_to_different_pools(cluster: Serving) -> None:
    """The path header names the nodes passed and the pool that answered."""
    code = chat(cluster.url, "auto", "Write a Python function that merges two sorted lists.", max_tokens=4)
    greeting = chat(cluster.url, "auto", "hi there", max_tokens=4)
    assert code.headers["x-tercet-path"] == "auto>careful>dense"
    assert greeting.headers["x-tercet-path"] == "auto>quick>distilled"
    assert (code.headers["x-tercet-model"], greeting.headers["x-tercet-model"]) == ("dense", "distilled")


def test_streams_tokens_and_ends_with_done(cluster: Serving) -> None:
    """A stream is server-sent events with one final marker."""
    events = stream(cluster.url, "dense", "go", max_tokens=20)
    assert events[-1] == "[DONE]"
    assert events.count("[DONE]") == 1
    assert all(json.loads(event)["choices"] for event in events[:-1])


def test_an_idle_gateway_is_small(cluster: Serving) -> None:
    """The gateway imports neither torch nor vllm."""
    (gateway,) = cluster.gateways()
    assert gateway.memory_info().rss <= GATEWAY_RESIDENT_LIMIT
    maps = {m.path for m in gateway.memory_maps()}
    assert not [path for path in maps if "/torch/" in path or "/vllm/" in path]


async def _burst(url: str, requests: int, **body: Any) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=requests)
    async with httpx.AsyncClient(timeout=120, limits=limits) as client:
        return await asyncio.gather(
            *(
                client.post(
                    f"{url}/v1/chat/completions",
                    json={"model": "dense", "messages": [{"role": "user", "content": f"request {i}"}], **body},
                )
                for i in range(requests)
            )
        )


def test_a_pool_grows_under_a_burst_and_shrinks_again_without_losing_a_request(cluster: Serving) -> None:
    """1 -> 2 -> 1 replicas with every request answered in full."""
    assert len(cluster.replicas("dense")) == 1

    async def load() -> int:
        count = 0
        until_s = time.monotonic() + 90
        while _ready(cluster) < 2:
            assert time.monotonic() < until_s, "dense did not grow"
            responses = await _burst(cluster.url, 40, max_tokens=40)
            assert [r.status_code for r in responses] == [200] * 40, [r.text for r in responses if r.status_code != 200]
            assert {r.json()["usage"]["completion_tokens"] for r in responses} == {40}
            count += len(responses)
        return count

    answered = asyncio.run(load())
    # Long streams hold on to both replicas while the pool shrinks, and a trickle of requests goes on: none is lost.
    with concurrent.futures.ThreadPoolExecutor(4) as workers:
        streams = [workers.submit(_long_stream, cluster.url) for _ in range(4)]

        def shrunk() -> bool:
            nonlocal answered
            response = chat(cluster.url, "dense", "trickle", max_tokens=4)
            assert response.status_code == 200, response.text
            answered += 1
            return _ready(cluster) == 1

        until(shrunk, within_s=90, what="dense back at one replica")
        assert [stream.result(timeout=120) for stream in streams] == [LONG_TOKENS] * 4
    assert answered >= 40
    reasons = [d["reason"] for d in cluster.status()["decisions"] if d["pool"] == "dense"]
    assert reasons
    assert all(reasons)


def _long_stream(url: str) -> int:
    """Stream an answer that outlasts the shrinking, and return how many tokens came before the end marker."""
    events = stream(url, "dense", "go on", max_tokens=LONG_TOKENS, ignore_eos=True)
    assert events[-1] == "[DONE]"
    return sum(bool(json.loads(event)["choices"][0]["delta"].get("content")) for event in events[:-1])


def _ready(cluster: Serving) -> int:
    ready: int = cluster.status()["pools"]["dense"]["stages"].get("ready", 0)
    return ready


def _active(cluster: Serving) -> float:
    """Ask the gateway itself: on a busy machine ``tercet status`` takes longer than the burst."""
    lines = httpx.get(f"{cluster.url}/metrics", timeout=10).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("tercet_requests_active{"))


def test_a_killed_replica_costs_no_whole_answer_while_another_lives(cluster: Serving) -> None:
    """Whole answers are sent again to the replica that is left: every one arrives, in full."""
    asyncio.run(_grown(cluster))

    async def kill_one_of_two() -> list[httpx.Response]:
        burst = asyncio.create_task(_burst(cluster.url, 12, max_tokens=60))
        await asyncio.to_thread(until, lambda: _active(cluster) >= 12, within_s=20, what="all requests under way")
        victim, _ = cluster.replicas("dense")
        victim.kill()
        return await burst

    responses = asyncio.run(kill_one_of_two())
    assert [r.status_code for r in responses] == [200] * 12, [r.text for r in responses if r.status_code != 200]
    assert {r.json()["usage"]["completion_tokens"] for r in responses} == {60}


def test_a_pool_without_replicas_is_refused_or_answered_by_its_fallback_and_heals(cluster: Serving) -> None:
    """With every replica gone the pool's own name says 503 with Retry-After, and the fallback answers in its place."""
    until(lambda: _ready(cluster) >= 1, within_s=90, what="a replica of dense")
    for process in cluster.replicas("dense"):
        process.kill()
    refused = chat(cluster.url, "dense", "anyone?", max_tokens=2)
    fallen = chat(cluster.url, "careful", "Write a function", max_tokens=2)
    assert fallen.status_code == 200
    if refused.status_code != 200:  # 200 where the replica was back before the controller had noticed
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["code"] in {"engine_failed", "no_replica"}
    until(
        lambda: chat(cluster.url, "dense", "back?", max_tokens=2).status_code == 200, within_s=60, what="dense healed"
    )


async def _grown(cluster: Serving) -> None:
    """Load the pool until it has two replicas."""
    until_s = time.monotonic() + 90
    while len(cluster.replicas("dense")) < 2 or _ready(cluster) < 2:
        assert time.monotonic() < until_s, "dense did not grow"
        await _burst(cluster.url, 40, max_tokens=40)


def test_a_stream_cut_by_a_kill_ends_with_an_honest_error(cluster: Serving) -> None:
    """Where another replica cannot go on, the failure is told in the stream, and never followed by the end marker."""
    until(lambda: _ready(cluster) == 1, within_s=90, what="one replica of dense")

    def kill_at_the_fifth(event: int) -> None:
        if event == 5:
            for process in cluster.replicas("dense"):
                process.kill()

    more = {"max_tokens": 2000, "ignore_eos": True, "presence_penalty": 1}
    events = stream(cluster.url, "dense", "go", after=kill_at_the_fifth, **more)
    assert json.loads(events[-1])["error"]["code"] == "engine_failed"
    assert "[DONE]" not in events
    until(
        lambda: chat(cluster.url, "dense", "back?", max_tokens=2).status_code == 200, within_s=60, what="dense healed"
    )


def test_a_client_that_leaves_frees_its_slot(cluster: Serving) -> None:
    """A disconnect reaches the engine."""
    until(lambda: _ready(cluster) == 1, within_s=90, what="one replica of dense")
    with httpx.stream(
        "POST",
        f"{cluster.url}/v1/chat/completions",
        json={
            "model": "dense",
            "messages": [{"role": "user", "content": "go"}],
            "max_tokens": 4000,
            "ignore_eos": True,
            "stream": True,
        },
        timeout=60,
    ) as response:
        next(response.iter_lines())
    until(
        lambda: cluster.status()["pools"]["dense"]["running"] == 0,
        within_s=20,
        what="no sequence running after leaving",
    )


def test_costs_are_kept_of_everybody(cluster: Serving) -> None:
    """Within seconds, by tenant, with what the pools did nothing; while the cluster runs and from the file alone."""
    body = {"model": "dense", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 20, "ignore_eos": True}
    asked = httpx.post(
        f"{cluster.url}/v1/chat/completions",
        json={**body, "usage": {"include": True}},
        headers={"x-tenant-id": "blue"},
        timeout=60,
    )
    seconds = asked.json()["usage"]["cost"]["cpu_seconds"]
    assert seconds == pytest.approx(float(asked.headers["x-tercet-cpu-seconds"]), abs=1e-6)

    def kept() -> Any:
        told = subprocess.run(
            [TERCET, "cost", "--port", str(cluster.port), "--by", "tenant", "--idle", "apart", "--json"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        groups = {group["tenant"]: group for group in json.loads(told.stdout)["groups"]}
        return groups if groups.get("blue", {}).get("cpu_seconds") and groups["blue"]["calls"] else None

    groups = until(kept, within_s=20, what="the tenant's costs kept")
    assert groups["blue"]["cpu_seconds"] == pytest.approx(seconds, rel=0.01)
    assert (groups["blue"]["calls"], groups["blue"]["completion_tokens"]) == (1, 20)
    assert groups["(idle)"]["cpu_seconds"] > seconds
    assert cluster.status()["costs"] == ""


# The last test: it stops the cluster.
def test_interrupt_lets_a_running_stream_finish_and_refuses_new_requests(cluster: Serving) -> None:
    """Ctrl-C drains: the stream that runs ends in full, others are told to come back, and the command ends with 0."""
    with httpx.stream(
        "POST",
        f"{cluster.url}/v1/chat/completions",
        json={
            "model": "distilled",
            "messages": [{"role": "user", "content": "go"}],
            "max_tokens": 2000,
            "ignore_eos": True,
            "stream": True,
        },
        timeout=60,
    ) as response:
        lines = response.iter_lines()
        next(lines)
        cluster.interrupt()
        refused = until(lambda: _refused(cluster), within_s=8, what="new requests refused during the drain")
        assert refused.json()["error"]["code"] == "rejected"
        assert int(refused.headers["retry-after"]) >= 1
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    code = cluster.stop()
    assert code == 0, cluster.output
    assert "Stopped." in cluster.output


def _refused(one: Serving) -> httpx.Response | None:
    response = chat(one.url, None, "me too", max_tokens=1)
    return response if response.status_code == 503 else None
