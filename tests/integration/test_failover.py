"""Processes killed under load, on real Ray and Serve with synthetic engines: no stream is lost, and no token."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Semaphore
from typing import Any

import httpx
import psutil
import pytest

from tests.serving import TERCET, Serving, counted, serving, titled, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

STREAMS = 24
TOKENS = 200
UNDER_WAY = 20
ENGINE: dict[str, Any] = {
    "family": "dense",
    "source": "synthetic",
    "runtime": "synthetic",
    "synthetic": {"slots": 16, "step": {"base_ms": 25}},
    "max_waiting": 200,
}
# For a pool of one size nothing is simulated, so that another one may grow.
CONFIG: dict[str, Any] = {
    "models": {
        "dense": {**ENGINE, "replicas": {"min": 2, "max": 2}},
        "roomy": {**ENGINE, "replicas": {"min": 1, "max": 2}},
    },
    "default": "dense",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What one client heard: the text, the ids, roles, reasons to end, usage and marks of its events, and comments."""

    text: str
    ids: frozenset[str]
    roles: int
    ends: tuple[str, ...]
    completion_tokens: int
    marks: int
    comments: tuple[Any, ...]


def heard(url: str, prompt: str, under_way: Callable[[], Any] = lambda: None, *, model: str = "dense") -> Heard:
    """Stream one answer and take it apart; *under_way* is called once a few tokens are there."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": TOKENS,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=120) as response:
        lines: list[str] = []
        for line in response.iter_lines():
            lines += [line] if line else []
            if line and len(lines) == UNDER_WAY:
                under_way()
    events = [line.removeprefix("data: ") for line in lines if not line.startswith(":")]
    chunks = [json.loads(event) for event in events if event != "[DONE]"]
    assert not [chunk for chunk in chunks if "error" in chunk], chunks[-1]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return Heard(
        text="".join(choice["delta"].get("content") or "" for choice in choices),
        ids=frozenset(chunk["id"] for chunk in chunks),
        roles=sum("role" in choice["delta"] for choice in choices),
        ends=tuple(choice["finish_reason"] for choice in choices if choice["finish_reason"]),
        completion_tokens=sum(chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage")),
        marks=events.count("[DONE]"),
        comments=tuple(json.loads(line.removeprefix(": tercet ")) for line in lines if line.startswith(":")),
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(CONFIG, tmp_path_factory.mktemp("failover"), ready_within_s=120) as one:
        until(lambda: _ready(one) == 2, within_s=60, what="two replicas")
        yield one


def _ready(one: Serving) -> int:
    ready: int = one.status()["pools"]["dense"]["stages"].get("ready", 0)
    return ready


def test_a_replica_killed_under_load_costs_no_stream_and_no_token(cluster: Serving) -> None:
    """Every stream ends whole, is the one that nobody disturbed, and says that it was taken over if it was."""
    prompts = [f"Tell story number {number}." for number in range(STREAMS)]
    with ThreadPoolExecutor(STREAMS) as clients:
        calm = list(clients.map(lambda prompt: heard(cluster.url, prompt), prompts))
        begun = Semaphore(0)
        streams = [clients.submit(heard, cluster.url, prompt, begun.release) for prompt in prompts]
        assert all(begun.acquire(timeout=30) for _ in prompts)
        victim = cluster.replicas("dense")[0]
        victim.kill()
        answers = [stream.result() for stream in streams]
    assert [one.text for one in answers] == [one.text for one in calm]
    assert {len(one.text.split()) for one in answers} == {TOKENS}
    assert {(len(one.ids), one.roles, one.ends, one.completion_tokens, one.marks) for one in answers} == {
        (1, 1, ("length",), TOKENS, 1)
    }
    taken_over = [one for one in answers if one.comments]
    assert taken_over
    for one in taken_over:
        (told,) = one.comments
        assert 0 < told["resumed"]["after_tokens"] < TOKENS
        assert told["resumed"]["because"] == "engine_failed"
    assert counted(cluster, "tercet_failovers_total", pool="dense", outcome="resumed") == len(taken_over)
    assert counted(cluster, "tercet_failovers_total", outcome="failed") == 0
    assert counted(cluster, "tercet_tokens_total", model="dense", kind="completion") == 2 * STREAMS * TOKENS
    assert counted(cluster, "tercet_requests_total", outcome="ok") == 2 * STREAMS


def test_capacity_is_simulated_beside_the_controller_which_leaves_nothing_behind(cluster: Serving) -> None:
    """By a process that is there while it is needed: killed itself, or its owner killed, it leaves none, and is back.

    The controller that is begun again has to hear of some requests before it can ask anything.
    """
    _ask(cluster)
    until(lambda: _simulated(cluster), within_s=120, what="a simulated knee")
    (worker,) = _simulating(cluster)
    assert not [one.path for one in worker.memory_maps() if "/ray/" in one.path]
    (controller,) = [one for one in cluster.processes() if titled(one).startswith("ray::FleetController")]
    controller.kill()
    until(lambda: not worker.is_running(), within_s=10, what="the end of the process with its owner")
    _ask(cluster)
    until(lambda: _simulating(cluster), within_s=60, what="another process")
    for one in _simulating(cluster):
        one.kill()
    until(lambda: not _simulating(cluster), within_s=10, what="no process left of it")
    until(lambda: "capacity_rps" in _explained(cluster)["numbers"], within_s=30, what="a capacity without it")


def _ask(one: Serving) -> None:
    with ThreadPoolExecutor(STREAMS) as clients:
        list(clients.map(lambda number: heard(one.url, f"Say {number}.", model="roomy"), range(STREAMS)))


def _simulating(one: Serving) -> list[psutil.Process]:
    return [process for process in one.processes() if "autoscale.sim.answering" in titled(process)]


def _simulated(one: Serving) -> bool:
    return bool(_explained(one)["numbers"].get("capacity_provisional") == 0.0)


def _explained(one: Serving) -> dict[str, Any]:
    """Return the decision that ``tercet scale explain --json`` tells."""
    command = [TERCET, "scale", "explain", "roomy", "--port", str(one.port), "--json"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    decision: dict[str, Any] | None = json.loads(told.stdout)["decision"]
    return decision or {"numbers": {}}
