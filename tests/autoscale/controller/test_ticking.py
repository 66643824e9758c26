"""Steps go on whatever becomes of one of them."""

from __future__ import annotations

import asyncio

from autoscale.controller.ticking import forever


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
