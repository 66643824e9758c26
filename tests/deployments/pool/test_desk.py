"""Frames of many calls leave in batches, first tokens before all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

from deployments.pool.desk import Desk
from deployments.pool.pace import LONGEST_S
from deployments.pool.wire import Batch, Call, Cancel, Load
from deployments.request import Frame, Head, Request

LIMIT_S = 10.0


def call(number: int) -> Call:
    return Call(
        number=number, request=Request(endpoint="chat", model="m", body={}), request_id=str(number),
        remaining_s=9.0, now=datetime(2026, 1, 1, tzinfo=UTC), tenant="t", headers={}, path=(),
    )  # fmt: skip


class Ticking:
    """Answers all calls in step, a token a tick, when told to tick."""

    def __init__(self, tokens: int) -> None:
        self.tokens, self.closed = tokens, 0
        self.tick = asyncio.Event()

    def next(self) -> None:
        tick, self.tick = self.tick, asyncio.Event()
        tick.set()

    async def answer(self, _: Call) -> AsyncGenerator[Frame]:
        try:
            for at in range(self.tokens):
                await self.tick.wait()
                head = Head(model="m", path=()) if at == 0 else None
                yield Frame(data=b"%d" % at, tokens=1, head=head)
        finally:
            self.closed += 1


async def following(batches: AsyncIterator[Batch]) -> Batch:
    async with asyncio.timeout(LIMIT_S):
        return await anext(batches)


class Clock:
    """Stands still unless it is set."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def desk(engine: Ticking, clock: Clock | None = None) -> Desk:
    return Desk(engine.answer, lambda yours: Load(in_flight=yours, yours=yours, limit=64), clock=clock or Clock())


async def test_a_slow_reader_gets_one_frame_a_call_with_all_that_waits() -> None:
    """What is not read is merged, so what waits is bounded by calls and not by time."""
    engine = Ticking(tokens=5)
    one = desk(engine)
    for number in range(3):
        one.take(call(number))
    for _ in range(5):
        await asyncio.sleep(0)
        engine.next()
    await asyncio.sleep(0.01)
    async with aclosing(one.batches()) as batches:  # type: ignore[type-var]
        batch = await following(batches)
    assert {number: frame.data for number, frame in batch.frames.items()} == dict.fromkeys(range(3), b"01234")
    assert all(frame.tokens == 5 and frame.head is not None for frame in batch.frames.values())
    assert batch.ended == dict.fromkeys(range(3))


async def test_many_streams_share_messages_and_a_first_token_does_not_wait() -> None:
    """Two hundred streams wait for each other; a new one does not wait for them."""
    engine = Ticking(tokens=50)
    one = desk(engine)
    for number in range(200):
        one.take(call(number))
    async with aclosing(one.batches()) as batches:  # type: ignore[type-var]
        await asyncio.sleep(0)
        engine.next()
        seen = 0
        while seen < 200:  # all first tokens
            seen += len((await following(batches)).frames)
        await asyncio.sleep(0)
        engine.next()
        newcomer = Ticking(tokens=1)
        one._answer = newcomer.answer
        one.take(call(999))
        await asyncio.sleep(0)
        newcomer.next()
        first = await following(batches)
        assert set(first.frames) == {999}
        assert set(first.ended) == {999}
        assert len((await following(batches)).frames) == 200
    await one.close()


async def test_first_tokens_without_end_do_not_hold_the_others_up() -> None:
    """What has waited as long as anything may goes out with them."""
    clock, engine, newcomer = Clock(), Ticking(tokens=50), Ticking(tokens=1)
    one = desk(engine, clock)
    for number in range(8):
        one.take(call(number))
    async with aclosing(one.batches()) as batches:  # type: ignore[type-var]
        await asyncio.sleep(0)
        engine.next()
        seen = 0
        while seen < 8:
            seen += len((await following(batches)).frames)
        engine.next()
        one._answer = newcomer.answer
        for number, waited_s in ((100, 0.0), (101, 2 * LONGEST_S)):
            clock.now_s += waited_s
            one.take(call(number))
            await asyncio.sleep(0)
            newcomer.next()
            batch = await following(batches)
            assert number in batch.frames
            assert len(batch.frames) == (9 if waited_s else 1)
    await one.close()


async def test_a_cancelled_call_is_closed_and_not_heard_of_again() -> None:
    """Nobody waits for its end."""
    engine = Ticking(tokens=5)
    one = desk(engine)
    one.take(call(1))
    one.take(call(2))
    await asyncio.sleep(0)
    one.take(Cancel(1))
    one.take(Cancel(1))
    await asyncio.sleep(0)
    assert engine.closed == 1
    engine.next()
    async with aclosing(one.batches()) as batches:  # type: ignore[type-var]
        assert set((await following(batches)).frames) == {2}
    await one.close()
    assert engine.closed == 2


async def test_a_crash_in_an_answer_is_that_call_s_failure(caplog: object) -> None:
    """The gateway learns nothing of its insides."""

    async def crashing(_: Call) -> AsyncGenerator[Frame]:
        yield Frame(data=b"1", head=Head(model="m", path=()))
        raise RuntimeError("secret")

    one = Desk(crashing, lambda yours: Load())
    one.take(call(1))
    async with aclosing(one.batches()) as batches:  # type: ignore[type-var]
        batch = await following(batches)
    failure = batch.ended[1]
    assert failure is not None
    assert failure.code == "internal_error"
    assert "secret" not in failure.message
