"""Requests begin one a turn of the event loop, in their order, whoever gives up meanwhile."""

import asyncio
import contextlib
from itertools import pairwise

from deployments.gateway.turnstile import Turnstile


async def _begun(turnstile: Turnstile, order: list[object], name: object) -> None:
    await turnstile.passed()
    order.append(name)


async def test_one_that_comes_alone_does_not_wait() -> None:
    beginning = Turnstile().passed()
    with contextlib.suppress(StopIteration):
        beginning.send(None)
        raise AssertionError("it waited")


async def test_streams_get_their_turn_between_requests_that_come_together() -> None:
    turnstile, order = Turnstile(), []

    async def stream() -> None:
        for _ in range(40):
            order.append("frame")
            await asyncio.sleep(0)

    running = asyncio.create_task(stream())
    await asyncio.gather(*(_begun(turnstile, order, at) for at in range(16)))
    await running
    begun = [at for at, what in enumerate(order) if what != "frame"]
    assert [order[at] for at in begun] == list(range(16))
    assert all("frame" in order[here:there] for here, there in pairwise(begun[1:]))


async def test_whoever_gives_up_holds_up_nobody() -> None:
    turnstile, order = Turnstile(), []
    waiting = [asyncio.create_task(_begun(turnstile, order, at)) for at in range(4)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    async with asyncio.timeout(5):
        await asyncio.wait(waiting)
    assert order == [0, 2, 3]


async def test_it_turns_again_after_it_stood_still() -> None:
    turnstile, order = Turnstile(), []
    async with asyncio.timeout(5):
        for at in range(3):
            await asyncio.gather(_begun(turnstile, order, at), _begun(turnstile, order, -at))
            await asyncio.sleep(0.001)
    assert order == [0, 0, 1, -1, 2, -2]
