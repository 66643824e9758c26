"""model: the leaf, and the demand that it counts."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import pytest

from deployments.errors import EngineFailed, Overloaded
from deployments.nodes.model import ModelNode, prompt_size
from deployments.request import Request
from deployments.signals import LATENCY_BOUNDS_S, ClassDemand, PoolDemand
from deployments.telemetry.demand import Demand
from tests.deployments.leap import leap
from tests.deployments.scripted import Hang, Pause, Scripted, chat, collect, compiled, context


def loop_time() -> float:
    return asyncio.get_running_loop().time()


async def demand_after(*acts: object, swallow: type[Exception] | tuple[()] = ()) -> PoolDemand:
    demand = Demand(loop_time)
    node = compiled({}, Scripted({"dense": acts}), demand=demand)["dense"]  # type: ignore[dict-item]
    with suppress(swallow):
        await collect(node)
    return demand.read()["dense"]


def test_a_request_is_held_until_its_first_token() -> None:
    """Held requests are those in flight without a token: what the controller must see when a pool is empty."""

    async def watch() -> None:
        demand = Demand(loop_time)
        node = compiled({}, Scripted({"dense": [Pause(1), b"a", Pause(1), b"b"]}), demand=demand)["dense"]
        seen = []
        async with aclosing(node(chat(), context())) as frames:  # type: ignore[type-var]
            first = asyncio.ensure_future(anext(frames))
            await asyncio.sleep(0.5)
            seen.append(demand.read()["dense"])
            await first
            seen.append(demand.read()["dense"])
        seen.append(demand.read()["dense"])
        assert [(one.in_flight, one.held) for one in seen] == [(1, 1), (1, 0), (0, 0)]

    leap(watch())


@pytest.mark.parametrize("error", [Overloaded("full"), EngineFailed("died")])
def test_nothing_stays_in_flight_after_a_failure(error: Exception) -> None:
    """Whatever ends a request ends its count; only refusals count as refused."""
    demand = leap(demand_after(error, swallow=type(error)))
    assert (demand.in_flight, demand.held, demand.arrivals_total) == (0, 0, 1)
    assert demand.refused_total == isinstance(error, Overloaded)


def test_ttft_is_the_wait_for_the_first_frame() -> None:
    """One value a request, in the bucket of its wait, with later pauses left out."""
    ttft = leap(demand_after(Pause(0.7), b"a", Pause(30), b"b")).ttft
    assert ttft.total == 1
    assert ttft.sum_s == pytest.approx(0.7)
    assert ttft.counts[LATENCY_BOUNDS_S.index(0.75)] == 1
    assert ttft.counts[LATENCY_BOUNDS_S.index(0.5)] == 0


def test_a_prompt_is_sized_by_its_words_or_its_token_ids() -> None:
    """Four ASCII characters a token, whatever the endpoint; ids are counted as they are."""
    said = {"messages": [{"role": "user", "content": "x" * 400}]}
    assert prompt_size(Request(endpoint="chat", model="dense", body=said)) == 100
    assert prompt_size(Request(endpoint="completion", model="dense", body={"prompt": [1, 2, 3]})) == 3
    assert prompt_size(Request(endpoint="chat", model="dense", body={"messages": 7})) == 0


async def test_the_demand_knows_what_waits_and_by_class() -> None:
    """Sized when somebody looks, while the request has no token."""
    demand, pool = Demand(lambda: 0.0), Scripted({"dense": [Hang()]})
    request = Request(endpoint="chat", model="dense", body={"messages": [{"role": "user", "content": "x" * 40}]})
    stream = ModelNode("dense", pool, demand)(request, context(group="paid"))
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    told = demand.read()["dense"]
    assert (told.held, told.held_prompt_tokens) == (1, 10)
    assert told.classes == {"paid": ClassDemand(in_flight=1, held=1, arrivals_total=1)}
    waiting.cancel()
    await asyncio.wait([waiting])
    assert demand.read()["dense"].in_flight == 0
