"""Let requests begin one after the other, with running streams in between."""

from __future__ import annotations

import asyncio
from collections import deque


class Turnstile:
    """Lets one request through in each turn of the event loop, in the order of their arrival.

    A turn runs everything that was ready when it began. Beginning a request costs as much as tens of frames, so several
    hundred that come at once would all be begun before any stream gets its next token. One that comes alone
    does not wait.
    """

    __slots__ = ("_turning", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False

    async def passed(self) -> None:
        """Wait for this request's turn; one whose client left meanwhile costs the others nothing."""
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn, loop)
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                loop.call_soon(self._turn, loop)
                return
        self._turning = False
