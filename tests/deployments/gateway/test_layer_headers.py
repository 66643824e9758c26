"""What clients and the metrics page are told of layers: who shared, who waited, who was refused."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from deployments.engines.synthetic_spec import SyntheticSpec
from tests.deployments.gateway.building import ask, client, engines, gateway
from tests.exposition import exposition

GRAPH: dict[str, Any] = {
    "kept": {"cache": "chain"},
    "chain": {"fallback": ["dense"]},
    "shared": {"coalesce": "dense"},
    "queued": {"admission": "dense", "concurrent": 1, "queue": 1},
}
SLOW = SyntheticSpec.model_validate({"step": {"base_ms": 5}, "output_tokens": 8})


async def both(model: str, count: int) -> tuple[list[httpx.Response], str]:
    """Return the answers to the same request sent several times at once, and the metrics page afterwards."""
    async with engines(dense=SLOW) as transport:
        served = gateway(transport, graph=GRAPH, default="dense")
        async with client(served) as calls:
            body = ask(model=model, temperature=0)
            answers = [calls.post("/v1/chat/completions", json=body) for _ in range(count)]
            return await asyncio.gather(*answers), exposition(served.metrics).decode()


async def test_who_joined_is_told() -> None:
    """The first one's answer has no such header; both have the same text and are told the same usage."""
    answers, metrics = await both("shared", 2)
    told = [answer.headers.get("x-tercet-coalesced") for answer in answers]
    assert sorted(told, key=str) == [None, "joined"]
    assert answers[0].json()["choices"] == answers[1].json()["choices"]
    assert answers[0].json()["usage"] == answers[1].json()["usage"]
    assert [answer.headers["x-tercet-path"] for answer in answers] == ["shared>dense"] * 2
    assert 'tercet_coalesced_requests_total{node="shared",role="joined"} 1.0' in metrics


async def test_who_waited_is_told_how_long_and_who_was_refused_when_to_come_back() -> None:
    """One inside, one waiting, one refused."""
    answers, metrics = await both("queued", 3)
    assert [answer.status_code for answer in answers] == [200, 200, 503]
    waits_ms = [float(answer.headers["x-tercet-queued-ms"]) for answer in answers[:2]]
    assert waits_ms[0] < waits_ms[1]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert 'tercet_admission_refusals_total{group="default",node="queued",reason="queue_full"} 1.0' in metrics
    assert 'tercet_admission_wait_seconds_count{group="default",node="queued"} 2.0' in metrics
    assert 'tercet_admission_waiting{node="queued"} 0.0' in metrics


async def test_an_answer_that_was_kept_says_nothing_of_edges_that_it_did_not_cross() -> None:
    """Its path is told as it was; how long it took is the cache's doing."""
    async with engines(dense=SLOW) as transport:
        served = gateway(transport, graph={**GRAPH, "front": {"fallback": ["kept"]}}, default="dense")
        async with client(served) as calls:
            body = ask(model="front", temperature=0)
            answers = [await calls.post("/v1/chat/completions", json=body) for _ in range(3)]
        await served.close()
    metrics = exposition(served.metrics).decode()
    assert [answer.headers["x-tercet-cache"] for answer in answers] == ["miss", "hit", "hit"]
    assert {answer.headers["x-tercet-path"] for answer in answers} == {"front>kept>chain>dense"}
    series = "tercet_graph_answer_first_token_seconds_count"
    counts = {("front", "kept"): 3, ("kept", "chain"): 1, ("chain", "dense"): 1}
    for (node, target), count in counts.items():
        assert f'{series}{{node="{node}",target="{target}"}} {count}.0' in metrics
