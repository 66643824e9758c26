"""Work beside requests: bounded, owned, and never in anyone's way."""

from __future__ import annotations

import asyncio

import pytest

from deployments.graph.background import Background


async def test_close_ends_what_is_left() -> None:
    """Nothing outlives its owner."""
    background, ended = Background(), asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    assert background.start(endless(), name="endless")
    await asyncio.sleep(0)
    await background.close()
    assert ended.is_set()
    assert len(background) == 0


async def test_no_more_than_the_limit() -> None:
    """What does not fit is dropped and told, and there is room again once something has ended."""
    background, go, ended = Background(limit=1), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go.wait()
        ended.set()

    assert background.start(work(), name="first")
    assert not background.start(work(), name="second")
    go.set()
    async with asyncio.timeout(5):
        await ended.wait()
    await asyncio.sleep(0)
    assert background.start(work(), name="third")
    await background.close()


async def test_a_failure_is_told_and_kept_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    """The next piece of work runs as if nothing had been."""
    background, done = Background(), asyncio.Event()

    async def broken() -> None:
        raise ValueError("no")

    async def sound() -> None:
        done.set()

    background.start(broken(), name="comparison")
    background.start(sound(), name="sound")
    await asyncio.wait_for(done.wait(), 5)
    await background.close()
    assert "comparison" in caplog.text
