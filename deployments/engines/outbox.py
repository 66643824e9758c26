"""Frames on their way from an engine to whoever reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from deployments.errors import ServingError
from deployments.request import Frame


def merge(earlier: Frame, later: Frame) -> Frame:
    """Return one frame that says what both say, in this order."""
    return Frame(
        data=earlier.data + later.data,
        text=earlier.text + later.text,
        tokens=earlier.tokens + later.tokens,
        prompt_tokens=later.prompt_tokens if earlier.prompt_tokens is None else earlier.prompt_tokens,
        finish_reason=later.finish_reason if earlier.finish_reason is None else earlier.finish_reason,
        head=earlier.head,
        ids=earlier.ids + later.ids,
        logprob=earlier.logprob + later.logprob,
        margin=earlier.margin + later.margin,
    )


class Outbox:
    """Hold what one reader has not read yet, merged into a single frame, so that a slow reader costs one message.

    The writer never waits: what it can put is bounded by the request's own token limit.
    """

    __slots__ = ("_ended", "_error", "_unread", "_waiting")

    def __init__(self) -> None:
        self._unread: Frame | None = None
        self._ended = False
        self._error: ServingError | None = None
        self._waiting: asyncio.Future[None] | None = None

    def put(self, frame: Frame) -> None:
        """Add *frame*; after the end it is dropped."""
        if not self._ended:
            self._unread = frame if self._unread is None else merge(self._unread, frame)
            self._wake()

    def end(self, error: ServingError | None = None) -> None:
        """End the stream after what has been put; only the first end counts."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield until the end; raises the error that ended the stream."""
        while True:
            if self._unread is not None:
                frame, self._unread = self._unread, None
                yield frame
            elif self._ended:
                if self._error is not None:
                    raise self._error
                return
            else:
                # A bare future: an asyncio.Event costs three times as much, for every token of every stream.
                self._waiting = asyncio.get_running_loop().create_future()
                await self._waiting

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
