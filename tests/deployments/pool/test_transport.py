"""The way to an engine replica, over a handle that acts out a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from deployments.errors import EngineFailed, Invalid, NoReplica, Overloaded, ServingError
from deployments.pool import transport as under_test
from deployments.pool.transport import ServeTransport
from deployments.pool.wire import Accepted, Failure, failure_of
from deployments.request import Context, Frame, Request
from deployments.signals import FleetView, PoolState

REQUEST = Request(endpoint="chat", model="dense", body={})
A, B = Frame(data=b"a"), Frame(data=b"b")
EARLY = Frame(data=b"")
HANG = object()


class Stream:
    """One call's stream: yields messages, raises exceptions, hangs."""

    def __init__(self, script: list[Any]) -> None:
        self._script = iter(script)
        self.cancelled = False

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Any:
        step = next(self._script, None)
        if step is None:
            raise StopAsyncIteration
        if step is HANG:
            await asyncio.Event().wait()
        if isinstance(step, BaseException):
            raise step
        return step

    def cancel(self) -> None:
        self.cancelled = True


class Handle:
    """Serve's handle: each call takes the next script."""

    def __init__(self, *scripts: list[Any]) -> None:
        self.calls: list[Stream] = []
        self._scripts = list(scripts)

    def options(self, **_: Any) -> Handle:
        return self

    def remote(self, _: Any) -> Stream:
        self.calls.append(Stream(self._scripts[len(self.calls)]))
        return self.calls[-1]


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[ServeTransport, Handle]]:
    async def no_wait(_: float) -> None: ...

    def build(*scripts: list[Any], ready: int | None = 1) -> tuple[ServeTransport, Handle]:
        handle = Handle(*scripts)
        monkeypatch.setattr(under_test.serve, "get_deployment_handle", lambda *_, **__: handle)
        view = None
        if ready is not None:
            view = FleetView(at_s=0.0, pools={"dense": PoolState(ready=ready, target=1, starting=0)})
        return ServeTransport(lambda: view, pause=no_wait), handle

    return build


def context(deadline_s: float = float("inf")) -> Context:
    return Context(request_id="r", deadline_s=deadline_s, now=datetime(2026, 1, 1, tzinfo=UTC))


async def collect(stream: AsyncIterator[Frame]) -> list[Frame]:
    return [frame async for frame in stream]


async def test_frames_arrive_in_order_and_the_call_is_closed(reach: Any) -> None:
    """Accepting is between the two processes; the node above sees frames only."""
    transport, handle = reach([Accepted(), A, B])
    assert await collect(transport.stream("dense", REQUEST, context())) == [A, B]
    assert handle.calls[0].cancelled


@pytest.mark.parametrize(
    "lost", [failure_of(EngineFailed("died")), ConnectionError("gone")], ids=["told by the replica", "connection lost"]
)
async def test_a_call_lost_before_any_data_is_sent_again(reach: Any, lost: object) -> None:
    """An early frame without data commits to nothing."""
    transport, handle = reach([Accepted(), EARLY, lost], [Accepted(), A])
    assert await collect(transport.stream("dense", REQUEST, context())) == [EARLY, A]
    assert [call.cancelled for call in handle.calls] == [True, True]


async def test_a_call_lost_after_data_is_not(reach: Any) -> None:
    """What was delivered cannot be taken back, so the failure goes up."""
    transport, handle = reach([Accepted(), A, failure_of(EngineFailed("died"))])
    stream = transport.stream("dense", REQUEST, context())
    assert await anext(stream) is A
    with pytest.raises(EngineFailed, match="died"):
        await anext(stream)
    assert len(handle.calls) == 1


async def test_a_pool_that_loses_every_replica_is_given_up(reach: Any) -> None:
    """Attempts are bounded."""
    transport, handle = reach(*[[failure_of(EngineFailed("died"))]] * 9)
    with pytest.raises(EngineFailed):
        await collect(transport.stream("dense", REQUEST, context()))
    assert len(handle.calls) == under_test.ATTEMPTS


@pytest.mark.parametrize("error", [Invalid("bad", param="n"), ServingError("internal")])
async def test_other_failures_are_not_sent_again(reach: Any, error: ServingError) -> None:
    """A wrong request is wrong everywhere, and our own mistakes are not the engine's."""
    transport, handle = reach([Accepted(), failure_of(error)])
    with pytest.raises(type(error)) as raised:
        await collect(transport.stream("dense", REQUEST, context()))
    assert raised.value.param == error.param
    assert len(handle.calls) == 1


@pytest.mark.parametrize(("ready", "calls"), [(1, 1), (2, 2)])
async def test_a_full_replica_is_left_for_another_one_if_there_is_one(reach: Any, ready: int, calls: int) -> None:
    """One full replica speaks for itself only."""
    full: Failure = failure_of(Overloaded("full"))
    transport, handle = reach([full], [Accepted(), A], ready=ready)
    if calls == 2:
        assert await collect(transport.stream("dense", REQUEST, context())) == [A]
    else:
        with pytest.raises(Overloaded):
            await collect(transport.stream("dense", REQUEST, context()))
    assert len(handle.calls) == calls


async def test_a_call_that_no_replica_can_take_is_given_up(reach: Any) -> None:
    """Waiting for a pool that lost its replicas serves nobody."""
    transport, handle = reach([HANG], ready=0)
    with pytest.raises(NoReplica):
        await collect(transport.stream("dense", REQUEST, context()))
    assert handle.calls[0].cancelled


async def test_a_call_in_a_replica_s_hands_is_not_given_up(reach: Any) -> None:
    """The controller's word lags behind; the replica that has the call is there."""
    transport, handle = reach([Accepted(), HANG], ready=0)
    waiting = asyncio.ensure_future(collect(transport.stream("dense", REQUEST, context())))
    done, _ = await asyncio.wait({waiting}, timeout=4 * under_test._PATIENCE_S)
    assert not done
    waiting.cancel()
    await asyncio.wait({waiting})
    assert handle.calls[0].cancelled


async def test_leaving_while_the_call_waits_cancels_it_quietly(reach: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A disconnect before the first token is nothing to log an error for."""
    transport, handle = reach([HANG], ready=None)
    stream = transport.stream("dense", REQUEST, context())
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    await stream.aclose()
    assert handle.calls[0].cancelled
    assert not caplog.records
