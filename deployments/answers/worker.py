"""One thread for calls that may block: a disk that hangs holds up this thread, and nobody who waits for it longer."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from deployments.answers.store import StoreFailedError

T = TypeVar("T")
_CLOSE_S = 5.0


class Worker:
    """Runs calls one after the other in a daemon thread, which begins with the first; at most *waiting* wait."""

    def __init__(self, name: str, *, waiting: int = 64) -> None:
        self._name = name
        self._queue: queue.Queue[_Call | None] = queue.Queue(waiting)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._last: Callable[[], None] = lambda: None

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Return what *call* returns; raises StoreFailedError where too many wait, and whatever the call raises."""
        if self._closed:
            raise StoreFailedError(f"{self._name}: is closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Call(told, call, args))
        except queue.Full:
            raise StoreFailedError(f"{self._name}: is too slow, {self._queue.maxsize} calls wait") from None
        return await told

    async def close(self, last: Callable[[], None]) -> None:
        """Call *last* after the calls that wait, and end the thread; one that hangs is left behind."""
        self._last = last
        self._closed = True
        thread = self._thread
        if thread is None:
            last()
            return
        with suppress(queue.Full):  # then the thread has calls to make, and sees after the last one that it is to end
            self._queue.put_nowait(None)
        await asyncio.to_thread(thread.join, _CLOSE_S)

    def _serve(self) -> None:
        while (call := self._queue.get()) is not None:
            call.make()
            if self._closed and self._queue.empty():
                break
        self._last()


class _Call:
    """One call and whoever waits for it."""

    __slots__ = ("_args", "_call", "_loop", "_told")

    def __init__(self, told: asyncio.Future[Any], call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._told, self._call, self._args = told, call, args
        self._loop = told.get_loop()

    def make(self) -> None:
        """Make the call, unless nobody waits for it any more."""
        if self._told.cancelled():
            return
        try:
            found, error = self._call(*self._args), None
        except Exception as raised:  # noqa: BLE001 - whoever waits gets it
            found, error = None, raised
        try:
            self._loop.call_soon_threadsafe(self._tell, found, error)
        except RuntimeError:
            return  # the loop has ended, and everybody who waited with it

    def _tell(self, found: Any, error: Exception | None) -> None:
        if self._told.done():
            return
        if error is None:
            self._told.set_result(found)
        else:
            self._told.set_exception(error)
