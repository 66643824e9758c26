"""What engines owe to those who can still be in time, and to those who cannot: on the synthetic engine and on vLLM."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from deployments.scheduling.targets import Late, targets_of
from tests.contracts.test_engine import ENGINES, SPECS, endless, until
from tests.deployments.engines.asking import answer, chat, frames, text_of

DUE_S = 2.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


def spec(runtime: str, late: Late = "behind") -> dict[str, Any]:
    """Return an engine that runs one request at a time, and what its pool promises."""
    chosen = SPECS[runtime]
    one = {"synthetic": {**chosen["synthetic"], "slots": 1}} if "synthetic" in chosen else {}
    one |= {"engine": {**chosen["engine"], "max_num_seqs": 1}} if "engine" in chosen else {}
    targets = targets_of(DUE_S, None, late).plain()
    return {"name": "dense", "family": "dense", "source": "demo/dense", **chosen, **one, "targets": targets}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ENGINES)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    built = await build_engine(spec(request.param), "dense#1", lambda _: None)
    await built.start()
    yield built
    await built.stop()


async def order(engine: Engine) -> list[str]:
    """Return who is answered first: one that has waited for longer than promised, or one that has just come."""
    ended: list[str] = []

    async def asked(name: str) -> None:
        answered = await frames(engine, chat(f"Say {name}."))
        assert text_of(answered)
        ended.append(name)

    busy = answer(engine, endless(), "busy")
    await anext(busy)
    late = asyncio.create_task(asked("late"))
    await asyncio.sleep(1.2 * DUE_S)
    soon = asyncio.create_task(asked("soon"))
    await until(lambda: engine.signals().waiting == 2)
    await busy.aclose()  # type: ignore[attr-defined]
    began_s = time.monotonic()
    await asyncio.gather(late, soon)
    assert time.monotonic() - began_s < 60
    return ended


async def test_who_is_late_anyway_lets_others_go_first_and_is_answered(engine: Engine) -> None:
    """As soon as there is room."""
    assert await order(engine) == ["soon", "late"]


async def test_in_turn_all_go_in_the_order_of_arrival() -> None:
    """As where nothing is promised."""
    built = await build_engine(spec("synthetic", "in_turn"), "dense#1", lambda _: None)
    await built.start()
    assert await order(built) == ["late", "soon"]
    await built.stop()
