"""A stream that something is awaited for is a stream like any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from deployments.errors import Declined
from deployments.graph.begun import Begun
from deployments.graph.closing import closing
from deployments.request import Frame


class Source:
    """Two frames, after some time; says whether they were asked for, and closed."""

    def __init__(self) -> None:
        self.asked = 0
        self.closed = False

    async def begin(self) -> AsyncGenerator[Frame]:
        self.asked += 1
        await asyncio.sleep(0)
        return self._frames()

    async def _frames(self) -> AsyncGenerator[Frame]:
        try:
            yield Frame(data=b"a")
            yield Frame(data=b"b")
        finally:
            self.closed = True


async def _ended(frames: Begun) -> bool:
    return await anext(frames, None) is None


async def test_all_frames_come_and_then_no_more() -> None:
    """It is begun once, by whoever asks for the first."""
    source = Source()
    frames = Begun(source.begin)
    assert not source.asked
    assert [frame.data async for frame in frames] == [b"a", b"b"]
    assert [frame async for frame in frames] == []
    assert source.asked == 1


async def test_who_leaves_early_has_it_closed() -> None:
    """As every stream is."""
    source = Source()
    async with closing(Begun(source.begin)) as frames:
        assert (await anext(frames)).data == b"a"
    assert source.closed
    assert [frame async for frame in frames] == []


async def test_what_was_never_asked_for_is_never_begun() -> None:
    """Nor is it after it was closed."""
    source = Source()
    async with closing(Begun(source.begin)) as frames:
        pass
    assert [frame async for frame in frames] == []
    assert not source.asked


async def test_who_is_refused_is_refused_once() -> None:
    """What the beginning raises ends the stream."""

    async def refuse() -> AsyncGenerator[Frame]:
        raise Declined("no")

    frames = Begun(refuse)
    with pytest.raises(Declined):
        await anext(frames)
    assert [frame async for frame in frames] == []


async def test_one_that_is_closed_while_it_begins_leaves_nothing_open() -> None:
    """Whoever closes may be another than whoever waits for the first frame."""
    source = Source()
    frames = Begun(source.begin)
    first = asyncio.ensure_future(_ended(frames))
    await asyncio.sleep(0)
    assert source.asked
    await frames.aclose()
    assert await first
    assert [frame async for frame in frames] == []
