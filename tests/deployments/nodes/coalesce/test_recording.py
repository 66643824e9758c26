"""A recording: what it keeps for whom, and what a token costs it, whoever listens and leaves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.nodes.coalesce.recording import Recording, weight
from deployments.request import Frame
from tests.deployments.leap import leap

FRAME = Frame(data=b"x" * 100)
LENGTH = 6


async def frames() -> AsyncGenerator[Frame]:
    for _ in range(LENGTH):
        yield FRAME
    await asyncio.Event().wait()


@settings(max_examples=150, deadline=None)
@given(
    listeners=st.integers(1, 4),
    steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["hear", "hear", "hear", "leave"])), max_size=30),
    closes=st.integers(0, 30),
)
def test_a_closed_recording_keeps_what_its_slowest_listener_has_not_heard(
    listeners: int, steps: list[tuple[int, str]], closes: int
) -> None:
    """And no less, so that each hears everything; an open one keeps all."""

    async def run() -> None:
        over = False
        recording = Recording(frames(), most_bytes=2**30, over=lambda: over)
        async with AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(aclosing(recording.listen())) for _ in range(listeners)]
            heard = {at: 1 for at in range(listeners) if await anext(streams[at]) is FRAME}
            await asyncio.sleep(1)
            for step, (at, what) in enumerate(steps):
                over = over or step >= closes
                assert recording.open is not over
                if at in heard and what == "leave" and len(heard) > 1:
                    del heard[at]
                    await streams[at].aclose()
                elif at in heard and heard[at] < LENGTH:
                    assert await anext(streams[at]) is FRAME
                    heard[at] += 1
                else:
                    continue
                forgotten = min(heard.values()) if over else 0
                assert recording.kept_bytes == weight(FRAME) * (LENGTH - forgotten)

    leap(run())


def steps_of(listeners: int, *, closed: bool) -> int:
    """Return how often a function or generator is entered while so many hear a few frames to the end, and leave."""
    entered = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal entered
        entered += event == "call"

    async def few() -> AsyncGenerator[Frame]:
        for _ in range(LENGTH):
            yield FRAME
            await asyncio.sleep(1)

    async def run() -> None:
        recording = Recording(few(), most_bytes=0 if closed else 2**30, over=lambda: False)

        async def listen() -> int:
            return len([frame async for frame in recording.listen()])

        assert set(await asyncio.gather(*(listen() for _ in range(listeners)))) == {LENGTH}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        leap(run())
    finally:
        sys.setprofile(before)
    return entered


@pytest.mark.parametrize("closed", [True, False])
def test_a_token_costs_each_listener_the_same_however_many_there_are(closed: bool) -> None:
    """Ten times the listeners are ten times the work, and not a hundred times."""
    assert steps_of(300, closed=closed) < 15 * steps_of(30, closed=closed)
