"""From an event loop to a thread, many at a time: to wake a thread costs more than most of what it is woken for."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")
# A thread need not wait for the end of a long turn of the loop before it begins.
_SOON = 16


class Handover(Generic[T]):
    """Takes things on one event loop at a time, and gives them to one thread in their order.

    The thread is woken once a turn of the loop, whatever number came in it.
    """

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._due_on: asyncio.AbstractEventLoop | None = None
        self._unsaid = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def put(self, thing: T) -> None:
        """Give the thread *thing* soon; on the event loop."""
        self._waiting.append(thing)
        self._unsaid += 1
        loop = asyncio.get_running_loop()
        if self._due_on is not loop:
            self._due_on = loop
            loop.call_soon(self._tell)
        elif self._unsaid % _SOON == 0:
            self._news.put(None)

    def wake(self) -> None:
        """Have the thread look now, be there something or not; from any thread."""
        self._news.put(None)

    def take(self, most: int, timeout_s: float | None = None) -> list[T]:
        """Return what waits, *most* at a time; nothing after *timeout_s*, or where it is woken for nothing."""
        if not self._waiting:
            try:
                self._news.get(timeout=timeout_s)
            except queue.Empty:
                return []
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    def _tell(self) -> None:
        self._due_on, self._unsaid = None, 0
        if self._waiting:
            self._news.put(None)
