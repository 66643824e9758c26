"""Frames on their way from an engine to whoever reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import chain

from deployments.errors import ServingError
from deployments.request import Frame


def merged(frames: Sequence[Frame]) -> Frame:
    """Return one frame that says what all of *frames*, at least one, say in their order."""
    if len(frames) == 1:
        return frames[0]
    return Frame(
        data=b"".join(frame.data for frame in frames),
        text="".join(frame.text for frame in frames),
        tokens=sum(frame.tokens for frame in frames),
        prompt_tokens=next((frame.prompt_tokens for frame in frames if frame.prompt_tokens is not None), None),
        finish_reason=next((frame.finish_reason for frame in frames if frame.finish_reason is not None), None),
        head=frames[0].head,
        ids=tuple(chain.from_iterable(frame.ids for frame in frames)),
        logprob=sum(frame.logprob for frame in frames),
        margin=sum(frame.margin for frame in frames),
        seconds=frames[-1].seconds,
    )


class Outbox:
    """Hold what one reader has not read yet, and give it as a single frame, so that a slow reader costs one message.

    The writer never waits: what it can put is bounded by the request's own token limit. Frames are merged when they are
    read: merged as they come, what a reader leaves unread would be copied again with every token.
    """

    __slots__ = ("_ended", "_error", "_unread", "_waiting")

    def __init__(self) -> None:
        self._unread: list[Frame] = []
        self._ended = False
        self._error: ServingError | None = None
        self._waiting: asyncio.Future[None] | None = None

    def put(self, frame: Frame) -> None:
        """Add *frame*; after the end it is dropped."""
        if not self._ended:
            self._unread.append(frame)
            self._wake()

    def end(self, error: ServingError | None = None) -> None:
        """End the stream after what has been put; only the first end counts."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield until the end; raises the error that ended the stream, once."""
        while True:
            if self._unread:
                frames, self._unread = self._unread, []
                yield merged(frames)
            elif self._ended:
                self._raise()
                return
            else:
                # A bare future: an asyncio.Event costs three times as much, for every token of every stream.
                self._waiting = asyncio.get_running_loop().create_future()
                await self._waiting

    def _raise(self) -> None:
        """Raise the error that ended the stream, and let go of it: its traceback holds this box and the whole call."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
