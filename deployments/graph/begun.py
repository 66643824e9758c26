"""A stream that something has to be awaited for: once that is there, nothing of it is between the stream and a reader.

A generator that awaits first and then passes another one's frames on is run through with every frame of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from deployments.request import Frame

Begin = Callable[[], Awaitable[AsyncGenerator[Frame]]]


class Begun:
    """The frames of what *begin* returns, which is called for the first of them; whatever it raises ends the stream."""

    __slots__ = ("_begin", "_closed", "_frames")

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._closed = False
        self._frames: AsyncGenerator[Frame] | None = None

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    def __anext__(self) -> Awaitable[Frame]:
        return self._first() if self._frames is None else self._frames.__anext__()

    async def aclose(self) -> None:
        """Close the stream, or do without it where it has not begun; one that is about to begin ends with that."""
        self._begin, self._closed = _nothing, True
        if self._frames is not None:
            await self._frames.aclose()

    async def _first(self) -> Frame:
        begin, self._begin = self._begin, _nothing
        self._frames = await begin()
        if self._closed:
            await self._frames.aclose()
        return await anext(self._frames)


async def _nothing() -> AsyncGenerator[Frame]:
    return _empty()


async def _empty() -> AsyncGenerator[Frame]:
    return
    yield Frame(data=b"")  # what makes it a stream
