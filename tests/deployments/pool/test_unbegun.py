"""A gateway knows which of its calls have had nothing back yet: their prompts are still to be computed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from deployments.pool.wire import Call
from deployments.request import Frame
from tests.deployments.pool.wired import HANG, Replica, until, wired


class Slow(Replica):
    """Computes prompts for as long as it is told to."""

    def __init__(self) -> None:
        super().__init__("a", [HANG])
        self.computed = asyncio.Event()

    async def _answer(self, call: Call) -> AsyncGenerator[Frame]:
        await self.computed.wait()
        async for frame in super()._answer(call):
            yield frame


async def test_a_call_is_begun_with_its_first_frame() -> None:
    """Until then it counts as a prompt, afterwards only as a call in flight."""
    slow = Slow()
    async with wired(slow) as one:
        (link,) = one.links.of("dense")
        stream = one.stream()
        first = asyncio.ensure_future(anext(stream))
        await until(lambda: link.unbegun == 1)
        slow.computed.set()
        await first
        assert (link.unbegun, link.in_flight) == (0, 1)
        await stream.aclose()
        await until(lambda: link.in_flight == 0)


@pytest.mark.parametrize("lost", [True, False])
async def test_a_call_that_ends_before_it_began_is_forgotten(lost: bool) -> None:
    """Cancelled by its client or lost with the connection."""
    slow = Slow()
    async with wired(slow) as one:
        (link,) = one.links.of("dense")
        reading = asyncio.ensure_future(anext(one.stream()))
        await until(lambda: link.unbegun == 1)
        if lost:
            await slow.listener.close()
        else:
            reading.cancel()
        await until(lambda: link.unbegun == 0)
        reading.cancel()
        await asyncio.wait({reading})
