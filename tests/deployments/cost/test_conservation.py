"""The seconds of a pool are those of its tenants, of nobody, and idle ones, whatever becomes of the requests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from autoscale.controller.bookkeeping import Bookkeeping, BookSettings
from deployments.cost.book import entries
from deployments.cost.lines import Sums
from deployments.cost.spread import NOBODY, SHADOW, totals
from deployments.gateway.gateway import Gateway
from deployments.pool.failover import Failover
from tests.deployments.cost.replicas import Replica, running, told
from tests.deployments.gateway.building import ask, listening, settings
from tests.exposition import exposition

STEP = {"base_ms": 4, "per_sequence_us": 200, "per_prefill_token_us": 20, "per_kv_token_us": 1}
USUAL = {"step": STEP, "slots": 8}
GRAPH: dict[str, Any] = {
    "twice": {"hedge": ["dense", "moe"], "after": 0},
    "watched": {"shadow": "dense", "to": "moe", "share": 1.0, "compare": "exact"},
}


async def streamed(calls: httpx.AsyncClient, tenant: str, model: str, tokens: int, *, leave_after: int = 0) -> None:
    """Stream an answer, and leave after so many of its lines."""
    body = ask(f"tell {tenant} of {model}", model=model, stream=True, max_tokens=tokens, ignore_eos=True)
    headers, lines = {"x-tenant-id": tenant}, 0
    async with calls.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
        assert answer.status_code == httpx.codes.OK
        async for _ in answer.aiter_lines():
            lines += 1
            if leave_after and lines >= leave_after:
                return


async def test_every_second_of_a_pool_is_kept_once(tmp_path: Path) -> None:
    """With aborts, a replica that dies under its streams, hedges' losers, shadows and idleness, within one percent."""
    dying = {**USUAL, "faults": {"die_after_tokens": 60}}
    replicas = [Replica("dense", "dense#0", dying), Replica("dense", "dense#1", USUAL), Replica("moe", "moe#0", USUAL)]
    books, path = Bookkeeping(), tmp_path / "costs.sqlite"
    pools = {name: {"cpus": 2.0, "cost_per_hour": 3.6} for name in ("dense", "moe")}
    books.configure(BookSettings(file=str(path), keep_hours=24, pools=pools))
    async with running(*replicas) as (transport, view):
        served = Gateway(settings(graph=GRAPH, default="dense"), transport, name="test", fleet=view)
        transport.failover = Failover(allowed=served.fails_over, count=served.metrics.failover)
        async with listening(served) as calls:
            await asyncio.gather(
                *(streamed(calls, "blue", "dense", 40) for _ in range(4)),
                *(streamed(calls, "red", "dense", 200, leave_after=20) for _ in range(3)),
                *(streamed(calls, "green", "twice", 30) for _ in range(3)),
                *(streamed(calls, "blue", "watched", 20) for _ in range(2)),
            )
            await asyncio.sleep(1.0)
        assert b'tercet_failovers_total{outcome="resumed",pool="dense"}' in exposition(served.metrics)
        await served.close()
    for source in (served.spending, *(replica.spending for replica in replicas)):
        while (statement := source.statement()).number:
            await books.write(statement)
            await books.write(statement)  # as after an answer that was lost
            source.acknowledged(statement.number)
    kept = list(entries(path, 0, 2**31))
    for pool in ("dense", "moe"):
        lived_s = sum(replica.lived_s for replica in replicas if replica.pool == pool)
        of_pool = [entry for entry in kept if entry.key.pool == pool]
        by_tenant = totals(of_pool, ("tenant",))
        assert sum(total.seconds for total in by_tenant.values()) == pytest.approx(lived_s, rel=0.01)
        assert sum(total.cpu_seconds for total in by_tenant.values()) == pytest.approx(2 * lived_s, rel=0.01)
        assert sum(total.machines["usd"] for total in by_tenant.values()) == pytest.approx(lived_s / 1000, rel=0.01)
        apart = totals(of_pool, ("tenant",), "apart")
        assert sum(total.seconds for total in apart.values()) == pytest.approx(lived_s, rel=0.01)
        assert apart[NOBODY,].seconds > 0.9
        assert all(total.seconds > 0 for total in apart.values())
    whose = {(entry.key.pool, entry.key.kind, entry.key.tenant) for entry in kept if entry.sums.seconds}
    assert whose == {
        ("dense", "used", "blue"), ("dense", "used", "red"), ("dense", "used", "green"), ("dense", "idle", ""),
        ("moe", "used", "green"), ("moe", "shadow", ""), ("moe", "idle", ""),
    }  # fmt: skip
    assert (SHADOW,) in totals(kept, ("tenant",))
    sold = totals(kept, ("tenant",))
    assert (sold["blue",].calls, sold["blue",].completion_tokens) == (6, 4 * 40 + 2 * 20)


async def test_a_busy_engine_shares_by_what_was_asked_of_it() -> None:
    """Twice the tokens beside each other cost about twice as much."""
    replica = Replica("dense", "dense#0", USUAL)
    async with running(replica) as (transport, view):
        served = Gateway(settings(graph={}, default="dense"), transport, name="test", fleet=view)
        async with listening(served) as calls:
            await asyncio.gather(
                *(streamed(calls, "few", "dense", 30) for _ in range(2)),
                *(streamed(calls, "many", "dense", 30) for _ in range(4)),
            )
        await served.close()
    sums = told(replica.spending)
    few, many = sums["used", "few"], sums["used", "many"]
    assert isinstance(few, Sums)
    assert (few.calls, many.calls) == (2, 4)
    assert many.seconds / few.seconds == pytest.approx(2.0, rel=0.15)
