"""One value that many watch: it is made once for all of them, and only while somebody watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from deployments.errors import Rejected

EVERY_S = 1.0
# A pause is so many times what the value before it took, but no longer than pages wait before they call that silence.
_RESTS, _MOST_REST_S = 10, 2.5
HEARTBEAT_S = 10.0
MOST_LISTENERS = 16


class Feed:
    """Calls *make* every *every_s* seconds, or more seldom where that takes long, while *most* or fewer listen.

    Who reads slowly misses values and always has the newest. ``make`` must not raise, and the task that calls it ends
    with the last listener.
    """

    def __init__(
        self, make: Callable[[], Awaitable[bytes]], *, every_s: float = EVERY_S, most: int = MOST_LISTENERS
    ) -> None:
        self._make, self._every_s, self._most = make, every_s, most
        self._listeners = self._endings = 0
        self._number, self._value = 0, b""
        self._news = asyncio.Event()
        self._making: asyncio.Task[None] | None = None

    @property
    def listeners(self) -> int:
        """Return how many watch."""
        return self._listeners

    def check_room(self) -> None:
        """Raise Rejected where nobody else may watch."""
        if self._listeners >= self._most:
            raise Rejected(f"{self._most} pages watch already; close one", retry_after_s=5.0)

    @contextmanager
    def listen(self, heartbeat_s: float = HEARTBEAT_S) -> Iterator[AsyncGenerator[bytes]]:
        """Take a place, and yield each new value, and b"" where there was none for *heartbeat_s* seconds.

        Raises Rejected where nobody else may watch.
        """
        self.check_room()
        self._listeners += 1
        try:
            self._begin()
            yield self._values(self._endings, heartbeat_s)
        finally:
            self._listeners -= 1
            if not self._listeners and self._making is not None:
                self._making.cancel()
                self._making = None

    def end(self) -> None:
        """Have all who watch stop; others may begin."""
        self._endings += 1
        self._tell()

    async def _values(self, endings: int, heartbeat_s: float) -> AsyncGenerator[bytes]:
        seen = 0
        while True:
            newer = await self._newer(seen, endings, heartbeat_s)
            if self._endings != endings:
                return
            seen = self._number
            yield self._value if newer else b""

    async def _newer(self, seen: int, endings: int, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while self._number == seen and self._endings == endings:
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _begin(self) -> None:
        if self._making is None:
            self._number = 0
            self._making = asyncio.create_task(self._go_on(), name="operator's page")

    async def _go_on(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began_s = clock()
            value = await self._make()
            took_s = clock() - began_s
            self._number, self._value = self._number + 1, value
            self._tell()
            await asyncio.sleep(max(self._every_s, min(_RESTS * took_s, _MOST_REST_S)))

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
