"""Steps go on whatever becomes of one of them."""

from __future__ import annotations

import asyncio
import logging

import pytest

from autoscale.controller.ticking import Loops, forever


async def test_a_step_that_fails_is_followed_by_the_next() -> None:
    """And the pause is asked for each time, so that another configuration counts at once."""
    taken, asked, enough = list[int](), list[float](), asyncio.Event()

    async def step() -> None:
        taken.append(len(taken))
        if len(taken) == 3:
            enough.set()
        raise RuntimeError("not this time")

    def every_s() -> float:
        asked.append(0.0)
        return 0.0

    task = forever("steps", step, every_s)
    async with asyncio.timeout(10):
        await enough.wait()
    task.cancel()
    assert task.get_name() == "steps"
    assert len(asked) >= 2


async def test_a_loop_that_has_ended_is_begun_again_and_one_that_runs_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A pause that cannot be told ends a loop, as a cancellation does; either is an error in the log."""
    loops, begun, pauses = Loops(), asyncio.Queue[asyncio.Task[None] | None](), list[float]()

    async def step() -> None:
        begun.put_nowait(asyncio.current_task())

    async def kept_up() -> asyncio.Task[None]:
        loops.keep_up("steps", step, pauses.pop)
        async with asyncio.timeout(10):
            task = await begun.get()
        assert task is not None
        return task

    first = await kept_up()
    await asyncio.wait([first], timeout=10)
    pauses.append(60.0)
    second = await kept_up()
    assert caplog.messages == ["loop_ended name=steps reason=IndexError('pop from empty list') beginning=again"]
    assert caplog.records[0].levelno == logging.ERROR
    loops.keep_up("steps", step, pauses.pop)
    assert len(caplog.messages) == 1
    second.cancel()
    await asyncio.wait([second], timeout=10)
    pauses.append(60.0)
    third = await kept_up()
    assert caplog.messages[1:] == ["loop_ended name=steps reason=cancelled beginning=again"]
    third.cancel()
