"""The client's side of one exchange: write to it within time, and notice when it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from starlette.types import Receive, Send

from deployments.graph.alarm import Alarm

_LAST_WORDS_S = 1.0


class ClientLostError(Exception):
    """The client does not take what it asked for; the message is the outcome to record."""


class Outlet:
    """Writes one HTTP response; no write outlasts the request's deadline by more than a second.

    What follows its beginning goes by *further*, where that is given.
    """

    def __init__(
        self, send: Send, deadline_s: float, clock: Callable[[], float], further: Send | None = None
    ) -> None:  # fmt: skip
        self._send, self._further = send, further or send
        self._alarm = Alarm(max(0.0, deadline_s - clock()) + _LAST_WORDS_S)
        self.started = False

    async def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the status line and the headers."""
        self.started = True
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self._bounded(self._send, {"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send part of the body, the last one with ``more=False``."""
        await self._bounded(self._further, {"type": "http.response.body", "body": data, "more_body": more})

    def close(self) -> None:
        """Write nothing more."""
        self._alarm.close()

    async def _bounded(self, send: Send, message: dict[str, Any]) -> None:
        try:
            with self._alarm:
                await send(message)
        except TimeoutError as error:
            raise ClientLostError("client_stalled") from error
        except OSError as error:
            raise ClientLostError("client_closed") from error


async def while_connected(work: Coroutine[Any, Any, None], receive: Receive) -> bool:
    """Run *work*; cancel it when the client leaves. Return whether it came to its own end."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.wait({working, watching})
    if working.cancelled():
        return False
    working.result()
    return True


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
