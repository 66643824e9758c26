"""Whose a real engine's seconds are: all of them some tenant's, nobody's or idle, whatever becomes of the requests."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from deployments.cost.lines import Sums
from deployments.cost.spending import Spending
from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from tests.deployments.engines.asking import chat, context

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

BUSY_S = 8.0
_numbers = count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    """An engine that reads long prompts in parts."""
    arguments = {"max_model_len": 1024, "max_num_seqs": 8, "max_num_batched_tokens": 256}
    spec = {"name": "dense", "family": "dense", "source": "demo/dense", "runtime": "vllm", "engine": arguments}
    built = await build_engine(spec, "dense#1", lambda _: None)
    await built.start()
    yield built
    await built.stop()


async def told(
    engine: Engine, tenant: str, words: int, tokens: int, *, leave_after: int = 0, charged: bool = True, **body: Any
) -> float | None:
    """Return the seconds that a stream is told in its end; None where it was left after so many tokens."""
    asked = chat(f"{next(_numbers)} " + "word " * words, stream=True, max_tokens=tokens, ignore_eos=True, **body)
    seconds, seen = 0.0, 0
    given = engine.generate(asked, replace(context(), tenant=tenant, charged=charged))
    async with aclosing(given) as frames:  # type: ignore[type-var]
        async for frame in frames:
            seconds += frame.seconds
            seen += frame.tokens
            if leave_after and seen >= leave_after:
                return None
    return seconds


async def settled_for_ever(engine: Engine) -> None:
    """Do what a replica does beside its engine."""
    while True:
        await asyncio.sleep(1.0)
        engine.costs.settle()


def kept(spending: Spending) -> dict[tuple[str, str], Sums]:
    return {(key.kind, key.tenant): sums for key, sums in spending.statement().lines}


async def test_every_second_of_an_engine_is_kept_once(engine: Engine) -> None:
    """Within one percent: with aborts, stop strings, several choices, prompts in parts, shadows and idleness."""
    engine.costs.settle()
    spending, sums = Spending("test"), defaultdict[str, float](float)
    engine.costs.told_to(spending)
    began_s = time.monotonic()

    async def loop(tenant: str, words: int, tokens: int, **more: Any) -> None:
        while time.monotonic() - began_s < BUSY_S:
            sums[tenant] += await told(engine, tenant, words, tokens, **more) or 0.0

    settling = asyncio.create_task(settled_for_ever(engine))
    await asyncio.gather(
        loop("short", 5, 30),
        loop("long", 600, 30),
        loop("several", 5, 30, n=2, temperature=1.0),
        loop("stopping", 20, 60, stop=["the", " a"]),
        loop("leaving", 5, 60, leave_after=10),
        loop("leaving early", 700, 20, leave_after=1),
        loop("mirrored", 5, 20, charged=False),
    )
    busy_s = time.monotonic() - began_s
    gone = asyncio.create_task(told(engine, "gone", 900, 5))
    await asyncio.sleep(0.3)
    gone.cancel()
    await asyncio.wait([gone])
    await asyncio.sleep(1.0)
    settling.cancel()
    engine.costs.settle()
    elapsed_s = time.monotonic() - began_s
    found = kept(spending)
    assert sum(one.seconds for one in found.values()) == pytest.approx(elapsed_s, rel=0.01)
    assert {tenant for kind, tenant in found if kind == "used"} == {*sums, "gone"} - {"mirrored"}
    assert found["shadow", ""].seconds > 0
    # Somebody waits all the time: between two steps, and until a new request is in one, is no idle time.
    assert found["idle", ""].seconds < elapsed_s - busy_s + 0.05 * busy_s
    # Those who stayed were told what is kept of them.
    for tenant in ("short", "long", "several", "stopping"):
        assert found["used", tenant].seconds == pytest.approx(sums[tenant], rel=0.01)


async def test_equal_work_beside_each_other_costs_the_same(engine: Engine) -> None:
    """And three times as many requests three times as much; who comes first reads what all begin with, and waits."""
    spending = Spending("test")
    engine.costs.settle()
    engine.costs.told_to(spending)
    mixed = ("three", "one", "three", "three")
    await asyncio.gather(*(told(engine, tenant, 20, 60) for tenant in mixed * 2))
    engine.costs.settle()
    found = kept(spending)
    assert found["used", "three"].seconds / found["used", "one"].seconds == pytest.approx(3.0, rel=0.15)


async def test_several_choices_are_metered_as_one_call(engine: Engine) -> None:
    """All of an engine's time is theirs while they are alone in it, and none is left for whoever comes next."""
    began_s = time.monotonic()
    several = await told(engine, "several", 5, 60, n=3, temperature=1.0)
    elapsed_s = time.monotonic() - began_s
    after = await told(engine, "after", 5, 2)
    assert several is not None
    assert after is not None
    assert 0.6 * elapsed_s < several < 1.02 * elapsed_s
    assert 0 < after < several / 3
