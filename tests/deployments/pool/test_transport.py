"""The way to an engine replica, over real connections to replicas that act out scripts."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from weakref import ref

import pytest

from deployments.errors import EngineFailed, Invalid, NoReplica, NotFound, Overloaded, ServingError
from deployments.pool.failover import LOST, Course
from deployments.pool.transport import PoolTransport
from deployments.request import Request
from deployments.signals import ReplicaPlace
from tests.deployments.pool.wired import HANG, REQUEST, Replica, context, until, wired


async def test_frames_arrive_in_order_with_a_head_that_says_who_answers() -> None:
    """The choice of a replica is timed, and the replica named."""
    async with wired(Replica("a", [b"1", b"2", b"3"])) as one:
        frames = [frame async for frame in one.stream()]
    assert b"".join(frame.data for frame in frames) == b"123"
    assert sum(frame.tokens for frame in frames) == 3
    head = frames[0].head
    assert head is not None
    assert head.replica == "a"
    assert head.sent_s is not None
    assert head.queued_s == 0
    assert all(frame.head is None for frame in frames[1:])


@pytest.mark.parametrize("lost", [EngineFailed("died"), Overloaded("full")])
async def test_a_call_without_data_is_sent_again(lost: ServingError) -> None:
    """An early frame without data commits to nothing."""
    a, b = Replica("a", [lost], [b"1"]), Replica("b", [lost], [b"1"])
    async with wired(a, b) as one:
        assert await one.answer() == b"1"
    assert len(a.calls) + len(b.calls) >= 2


async def test_a_replica_that_vanishes_takes_its_calls_with_it() -> None:
    """A lost connection is a lost replica; what was delivered cannot be taken back."""
    a = Replica("a", [b"1", HANG])
    async with wired(a) as one:
        stream = one.stream()
        while not (await anext(stream)).data:
            pass
        await a.listener.close()
        with pytest.raises(EngineFailed, match="lost"):
            await anext(stream)
    assert len(a.calls) == 1


async def test_a_pool_that_loses_every_call_is_given_up() -> None:
    """Attempts are bounded."""
    a = Replica("a", [EngineFailed("died")])
    async with wired(a) as one:
        with pytest.raises(EngineFailed, match="died"):
            await one.answer()
    assert len(a.calls) == LOST


@pytest.mark.parametrize("error", [Invalid("bad", param="n"), ServingError("internal")])
async def test_other_failures_are_not_sent_again(error: ServingError) -> None:
    """A wrong request is wrong everywhere, and our own mistakes are not the engine's."""
    a, b = Replica("a", [error]), Replica("b", [error])
    async with wired(a, b) as one:
        with pytest.raises(type(error)) as raised:
            await one.answer()
    assert raised.value.param == error.param
    assert len(a.calls) + len(b.calls) == 1


async def test_a_full_pool_of_one_says_so_at_once() -> None:
    """One full replica speaks for the pool when there is no other."""
    a = Replica("a", [Overloaded("full")])
    async with wired(a) as one:
        with pytest.raises(Overloaded):
            await one.answer()
    assert len(a.calls) == 1


class Body(dict[str, Any]):
    """A body that can be looked for."""


@contextmanager
def without_collector() -> Iterator[None]:
    """Leave to reference counts what is freed."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("script", [[Invalid("bad")], [b"1", EngineFailed("died")], None])
async def test_a_failed_request_is_freed_at_once(script: list[Any] | None) -> None:
    """Its error and the frames that it went through hold neither each other nor the body: bodies may be large."""
    async with wired(*([Replica("a", script)] if script else []), ready=len(script or [])) as one:
        body = Body(REQUEST.body)
        gone = ref(body)
        with without_collector():
            with suppress(ServingError):
                await one.answer(replace(REQUEST, body=body))
            del body
            await until(lambda: gone() is None)


async def test_a_pool_without_replicas_is_given_up() -> None:
    """Waiting for a pool that lost its replicas serves nobody."""
    async with wired(ready=0) as one:
        with pytest.raises(NoReplica):
            await one.answer()


async def test_a_call_waits_for_a_replica_that_is_loading() -> None:
    """A pool on its way up answers as soon as its first replica says that it is able."""
    a = Replica("a", [b"1"], limit=0)
    async with wired(a, ready=1) as one:
        answer = asyncio.ensure_future(one.answer())
        await asyncio.sleep(0.05)
        assert not answer.done()
        a.limit = 8
        a.listener.announce()
        assert await answer == b"1"


async def test_a_reader_that_leaves_frees_the_replica() -> None:
    """Closing the stream cancels the call where it runs."""
    a = Replica("a", [b"1", HANG])
    async with wired(a) as one:
        stream = one.stream(request_id="mine")
        await anext(stream)
        await stream.aclose()
        await until(lambda: a.closed == ["mine"])
    assert a.in_flight == 0


async def test_leaving_before_the_first_frame_cancels_quietly(caplog: pytest.LogCaptureFixture) -> None:
    """A call and its cancellation arrive in this order, however soon the second follows."""
    a = Replica("a", [HANG])
    async with wired(a) as one:
        for at in range(20):
            stream = one.stream(request_id=str(at))
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
            await stream.aclose()
        await until(lambda: a.in_flight == 0 and len(a.closed) == len(a.calls))
    assert not caplog.records


async def test_only_the_named_replica_answers_for_what_it_keeps() -> None:
    """A stored response lives in one replica; without it there is nothing to find."""
    a, b = Replica("a", [b"a"]), Replica("b", [b"b"])
    async with wired(a, b) as one:
        for name in ("b", "a", "b"):
            assert await one.answer(Request(endpoint="response", model="dense", body={}, replica=name)) == name.encode()
        with pytest.raises(NotFound):
            await one.answer(Request(endpoint="response", model="dense", body={}, replica="gone"))


async def test_a_replica_out_of_reach_still_keeps_what_it_kept() -> None:
    """While the controller lists it, a lost connection is waited for; it is not told as a loss for ever."""
    a = Replica("a", [b"a"], limit=0)
    async with wired(a, ready=1) as one:
        answer = asyncio.ensure_future(one.answer(Request(endpoint="response", model="dense", body={}, replica="a")))
        await asyncio.sleep(0.05)
        assert not answer.done()
        a.limit = 8
        a.listener.announce()
        assert await answer == b"a"


async def test_a_pool_that_starts_is_not_one_that_lacks_an_adapter() -> None:
    """However long the start took, a replica's first report of its adapters is waited for."""
    now_s, place = 0.0, ReplicaPlace(replica="a", address="", key="", adapters=())

    class Starting:
        """There is a replica after 20 seconds, and the controller knows its adapters a second later."""

        def of(self, _: str) -> list[SimpleNamespace]:
            known = replace(place, adapters=("pirate",)) if now_s >= 21 else place
            return [SimpleNamespace(place=known)] if now_s >= 20 else []

        async def change(self, within_s: float) -> None:
            nonlocal now_s
            now_s += within_s

    asked = Request(endpoint="chat", model="dense", body={}, adapter="pirate")
    transport = PoolTransport(lambda: None, cast("Any", Starting()), clock=lambda: now_s)
    link, waited_s = await transport._pick("dense", Course("dense", asked, transport.failover), context())
    assert link.place.adapters == ("pirate",)
    assert waited_s == pytest.approx(21, abs=1)


async def test_an_adapter_is_asked_of_who_holds_it() -> None:
    """Whatever the load says."""
    a, b = Replica("a", [b"a"]), Replica("b", [b"b"], adapters=("pirate",))
    async with wired(a, b) as one:
        for _ in range(5):
            assert await one.answer(Request(endpoint="chat", model="dense", body={}, adapter="pirate")) == b"b"
    assert not a.calls


async def test_a_value_that_cannot_travel_is_the_client_s_mistake() -> None:
    """The other calls on the connection are not touched by it."""
    async with wired(Replica("a", [b"1"])) as one:
        with pytest.raises(Invalid, match="cannot be passed on"):
            await one.answer(Request(endpoint="chat", model="dense", body={"seed": 2**70}))
        assert await one.answer() == b"1"


async def test_nobody_waits_longer_than_its_deadline() -> None:
    """The time of the request ends the wait for a replica."""
    async with wired(Replica("a", [b"1"], limit=0), ready=1) as one:
        with pytest.raises(ServingError, match="time was over"):
            async for _ in one.transport.stream("dense", REQUEST, context(deadline_s=0.0)):
                pass


async def test_load_is_shared_out() -> None:
    """Calls that have nothing in common go to the replica with the fewest."""
    a, b = Replica("a", [b"1", HANG]), Replica("b", [b"1", HANG])
    async with wired(a, b) as one:
        streams = [one.stream(request_id=str(at)) for at in range(8)]
        await asyncio.gather(*(anext(stream) for stream in streams))
        assert (len(a.calls), len(b.calls)) == (4, 4)
        await asyncio.gather(*(stream.aclose() for stream in streams))


async def test_a_call_apart_goes_where_its_sibling_is_not() -> None:
    """A second call for the same request meets another replica, although the first one's holds the prompt."""
    known = replace(REQUEST, body={"messages": [{"role": "user", "content": "a long prompt " * 500}]})
    async with wired(Replica("a", [HANG]), Replica("b", [HANG])) as one:
        first = one.stream(known)
        head = (await anext(first)).head
        assert head is not None
        beside = replace(context().fork("h-1"), apart=True)
        second = one.transport.stream("dense", known, beside)
        other = (await anext(second)).head
        assert other is not None
        third = one.transport.stream("dense", known, replace(context().fork("h-2"), apart=True))
        assert (await anext(third)).head is not None
        assert {head.replica, other.replica} == {"a", "b"}
        for stream in (first, second, third):
            await stream.aclose()
        await until(lambda: len(one.replicas[0].closed) + len(one.replicas[1].closed) == 3)


async def test_a_parked_replica_is_sent_only_what_the_others_have_no_room_for() -> None:
    """It is about to be released; a full pool is worse than a late release."""
    a, b = Replica("a", [HANG], limit=2), Replica("b", [b"1"])
    async with wired(a, b) as one:
        assert one.view is not None
        state = replace(one.view.pools["dense"], parked=("b",))
        one.view = replace(one.view, pools={"dense": state})
        streams = [one.stream(request_id=f"r{number}") for number in range(2)]
        for stream in streams:
            await anext(stream)
        assert (len(a.calls), len(b.calls)) == (2, 0)
        assert await one.answer(request_id="third") == b"1"
        assert len(b.calls) == 1
        for stream in streams:
            await stream.aclose()
