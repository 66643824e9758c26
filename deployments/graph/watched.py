"""A stream whose waits are bounded, each by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from deployments.errors import ServingError
from deployments.graph.watchdog import Watchdog
from deployments.request import Frame


@contextmanager
def watched(
    frames: AsyncIterator[Frame], first_s: float | None, next_s: float | None, late: Callable[[], ServingError]
) -> Iterator[AsyncIterator[Frame]]:
    """Yield *frames* with at most *first_s* seconds to the first and *next_s* to each later one, None is no bound.

    *late* returns what is raised when a wait was too long. Closing the stream stays the caller's.
    """
    if first_s is None and next_s is None:
        yield frames
        return
    dog = Watchdog(first_s, next_s)
    try:
        yield _Watched(frames, dog, late)
    finally:
        dog.close()


class _Watched:
    """An iterator and no generator: one more of those would cost more than the watching."""

    __slots__ = ("_dog", "_frames", "_late")

    def __init__(self, frames: AsyncIterator[Frame], dog: Watchdog, late: Callable[[], ServingError]) -> None:
        self._frames, self._dog, self._late = frames, dog, late

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    def __anext__(self) -> Awaitable[Frame]:
        return self._frames.__anext__() if self._dog.idle else self._bounded()

    async def _bounded(self) -> Frame:
        try:
            with self._dog:
                return await anext(self._frames)
        except TimeoutError as error:
            if not self._dog.rung:
                raise
            raise self._late() from error
