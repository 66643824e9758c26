"""Answers on their way to the second level, beside the requests and within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from deployments.answers.kept import Kept

Write = Callable[[bytes, Kept], Awaitable[None]]


class WriteBehind:
    """Writes one answer after the other by *write*, which raises nothing; at most *most_bytes* wait."""

    def __init__(self, write: Write, most_bytes: int) -> None:
        self._write, self._most_bytes = write, most_bytes
        self._waiting: deque[tuple[bytes, Kept]] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def offer(self, key: bytes, kept: Kept) -> bool:
        """Have an answer written soon; say no where too much waits already."""
        if self._bytes + kept.size > self._most_bytes:
            return False
        self._waiting.append((key, kept))
        self._bytes += kept.size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="answers on their way to the second level")
        return True

    async def settled(self) -> None:
        """Wait until everything that was offered has been written, or could not be."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def close(self, within_s: float) -> None:
        """Write what waits, for so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.settled()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        while self._waiting:
            key, kept = self._waiting.popleft()
            try:
                await self._write(key, kept)
            finally:
                self._bytes -= kept.size
