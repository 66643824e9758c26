"""Answers on their way to the second level, beside the requests and within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from deployments.answers.kept import Kept

Write = Callable[[Mapping[bytes, Kept]], Awaitable[None]]
# What comes within so short a time is written together: a transaction costs as much as many answers in it.
_GATHERED_S = 0.02
_TOGETHER, _TOGETHER_BYTES = 64, 2**20


class WriteBehind:
    """Writes answers, some at a time, by *write*, which raises nothing; at most *most_bytes* wait."""

    def __init__(self, write: Write, most_bytes: int) -> None:
        self._write, self._most_bytes = write, most_bytes
        self._waiting: deque[tuple[bytes, Kept]] = deque()
        self._bytes = 0
        self._closing = False
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
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.settled()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        while self._waiting:
            if len(self._waiting) < _TOGETHER and not self._closing:
                await asyncio.sleep(_GATHERED_S)
            together, size = self._taken()
            try:
                await self._write(together)
            finally:
                self._bytes -= size

    def _taken(self) -> tuple[Mapping[bytes, Kept], int]:
        """Return what is written next, and how much that is of what waits; of two under one key the later stays."""
        together: dict[bytes, Kept] = {}
        size = 0
        while self._waiting and len(together) < _TOGETHER and size < _TOGETHER_BYTES:
            key, kept = self._waiting.popleft()
            together[key] = kept
            size += kept.size
        return together, size
