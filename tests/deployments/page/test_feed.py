"""One value for all who watch, made while somebody does."""

from __future__ import annotations

import asyncio
import time

import pytest

from deployments.errors import Rejected
from deployments.page.feed import Feed
from tests.deployments.gateway.building import until


class Counted:
    def __init__(self) -> None:
        self.made = 0

    async def make(self) -> bytes:
        self.made += 1
        return b"%d" % self.made


async def test_many_watch_what_is_made_once() -> None:
    """And the work ends with the last of them."""
    counted = Counted()
    feed = Feed(counted.make, every_s=0.01)
    with feed.listen() as one, feed.listen() as other:
        first = await anext(one)
        assert await anext(other) == first == b"1"
        assert int(await anext(one)) > 1
        assert feed.listeners == 2
    made = counted.made
    await asyncio.sleep(0.05)
    assert (feed.listeners, counted.made) == (0, made)


async def test_whoever_reads_slowly_gets_the_newest() -> None:
    """Nothing is kept up for it."""
    counted = Counted()
    feed = Feed(counted.make, every_s=0.001)
    with feed.listen() as values:
        await anext(values)
        await until(lambda: counted.made >= 20)
        assert int(await anext(values)) >= 20


async def test_silence_is_told_so_that_nobody_takes_it_for_the_end() -> None:
    """While a value takes long to make."""

    async def never() -> bytes:
        await asyncio.Event().wait()
        return b""

    with Feed(never).listen(heartbeat_s=0.01) as values:
        assert await anext(values) == b""


async def test_what_takes_long_is_made_more_seldom() -> None:
    """So that it takes no more than its share of the process."""
    took, ended, rests = 0.0, 0.0, list[float]()

    async def slow() -> bytes:
        nonlocal took, ended
        began = time.monotonic()
        if ended:
            rests.append((began - ended) / took)
        await asyncio.sleep(0.01)
        ended = time.monotonic()
        took = ended - began
        return b"x"

    feed = Feed(slow, every_s=0.001)
    with feed.listen():
        await until(lambda: len(rests) >= 2)
    assert min(rests) > 5


async def test_there_is_room_for_so_many() -> None:
    """One more is told to close another page."""
    feed = Feed(Counted().make, most=1)
    with feed.listen() as one:
        await anext(one)
        with pytest.raises(Rejected):
            feed.check_room()
        with pytest.raises(Rejected), feed.listen():
            pass
    feed.check_room()


async def test_all_can_be_told_to_stop_and_others_begin() -> None:
    """Whoever waits for the next value as well."""

    async def slow() -> bytes:
        await asyncio.sleep(0.01)
        return b"x"

    feed = Feed(slow, every_s=60)
    with feed.listen() as values:
        await anext(values)
        asyncio.get_running_loop().call_later(0.01, feed.end)
        with pytest.raises(StopAsyncIteration):
            await anext(values)
    with feed.listen() as values:
        assert await anext(values) == b"x"
