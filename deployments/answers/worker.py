"""One thread for calls that may block: a disk that hangs holds up this thread, and nobody who waits for it longer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from deployments.answers.store import StoreFailedError
from deployments.handover import Handover

T = TypeVar("T")
_CLOSE_S = 5.0
# Requests come in waves, and whoever waits too long for a disk gives up by itself.
_MOST_WAITING = 1024
# As many calls are made before anybody hears of theirs.
_TOGETHER = 16


class Worker:
    """Runs calls one after the other in a daemon thread, which begins with the first; at most *waiting* wait."""

    def __init__(self, name: str, *, waiting: int = _MOST_WAITING) -> None:
        self._name, self._most = name, waiting
        self._calls: Handover[_Call] = Handover()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._last: Callable[[], None] = lambda: None

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Return what *call* returns; raises StoreFailedError where too many wait, and whatever the call raises."""
        if self._closed:
            raise StoreFailedError(f"{self._name}: is closed")
        if len(self._calls) >= self._most:
            raise StoreFailedError(f"{self._name}: is too slow, {self._most} calls wait")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._calls.put(_Call(told, call, args))
        return await told

    async def close(self, last: Callable[[], None]) -> None:
        """Call *last* after the calls that wait, and end the thread; one that hangs is left behind."""
        self._last = last
        self._closed = True
        thread = self._thread
        if thread is None:
            last()
            return
        self._calls.wake()
        await asyncio.to_thread(thread.join, _CLOSE_S)

    def _serve(self) -> None:
        while (calls := self._calls.take(_TOGETHER)) or not self._closed:
            made = [call for call in calls if call.make()]
            for loop in {call.loop for call in made}:
                with suppress(RuntimeError):  # the loop has ended, and everybody who waited with it
                    loop.call_soon_threadsafe(_tell, [call for call in made if call.loop is loop])
        self._last()


class _Call:
    """One call and whoever waits for it."""

    __slots__ = ("_args", "_call", "_error", "_found", "_told", "loop")

    def __init__(self, told: asyncio.Future[Any], call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._told, self._call, self._args = told, call, args
        self._found: Any = None
        self._error: Exception | None = None
        self.loop = told.get_loop()

    def make(self) -> bool:
        """Make the call, unless nobody waits for it any more, and say whether somebody does."""
        if self._told.cancelled():
            return False
        try:
            self._found = self._call(*self._args)
        except Exception as raised:  # noqa: BLE001 - whoever waits gets it
            self._error = raised
        return True

    def tell(self) -> None:
        """Tell what came of it; on the loop of whoever waits."""
        if self._told.done():
            return
        if self._error is None:
            self._told.set_result(self._found)
        else:
            self._told.set_exception(self._error)


def _tell(calls: Sequence[_Call]) -> None:
    for call in calls:
        call.tell()
