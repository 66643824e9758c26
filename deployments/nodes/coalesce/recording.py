"""One generation that several requests listen to, each from its beginning and at its own pace."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from deployments.errors import EngineFailed, ServingError
from deployments.graph.closing import closing
from deployments.request import Frame

# What a frame takes beside its bytes and text, roughly.
_FRAME_BYTES = 256


class Recording:
    """Plays a stream to any number of listeners; it ends with its source, or once nobody listens any more.

    While it is ``open`` it keeps all that was played. Once more than *most_bytes* are kept, or somebody came when it
    was *over*, it closes, and from then on keeps only what its slowest listener has not heard.
    """

    def __init__(self, source: AsyncIterator[Frame], *, most_bytes: int, over: Callable[[], bool]) -> None:
        self._source, self._most_bytes, self._over = source, most_bytes, over
        self._frames: deque[Frame] = deque()
        self._forgotten = self._bytes = 0
        self._listeners: set[_Listener] = set()
        self._slowest = 0
        self._ended = self._closed = False
        self._error: Exception | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Say whether who comes now still hears everything."""
        self._closed = self._closed or self._over()
        return not self._closed

    @property
    def kept_bytes(self) -> int:
        """Return about how much memory the kept frames take."""
        return self._bytes

    async def listen(self) -> AsyncGenerator[Frame]:
        """Stream from the beginning; the last one who leaves ends the generation before leaving."""
        listener = _Listener()
        self._listeners.add(listener)
        if self._pump is None:
            self._pump = asyncio.create_task(self._play(), name="coalesced generation")
        try:
            while (frame := self._next(listener)) is not None or not self._ended:
                if frame is None:
                    await listener.wait()
                else:
                    yield frame
            if self._error is not None:
                raise self._error if len(self._listeners) == 1 else _own(self._error)
        finally:
            self._listeners.discard(listener)
            self._moved_on(listener.heard - self._forgotten)
            if not self._listeners:
                await self._stop(self._pump)

    async def _play(self) -> None:
        error: Exception | None = EngineFailed("the generation that was shared was cancelled")
        try:
            async with closing(self._source) as frames:
                async for frame in frames:
                    self._add(frame)
            error = None
        except Exception as raised:  # noqa: BLE001 - whatever it is, every listener gets it
            error = raised
        finally:
            self._ended = self._closed = True
            self._error = error
            self._wake()

    async def _stop(self, pump: asyncio.Task[None]) -> None:
        self._closed = True
        pump.cancel()
        await asyncio.wait([pump])

    def _add(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += weight(frame)
        self._closed = self._closed or self._bytes > self._most_bytes
        self._wake()

    def _next(self, listener: _Listener) -> Frame | None:
        at = listener.heard - self._forgotten
        if at >= len(self._frames):
            return None
        frame = self._frames[at]
        listener.heard += 1
        self._moved_on(at)
        return frame

    def _moved_on(self, at: int) -> None:
        """Note that a listener is no longer at the frame *at*: only the last of the slowest makes one needless."""
        if self._closed and (at == 0 or not self._slowest):
            self._slowest -= 1
            if self._slowest <= 0:
                self._forget()

    def _forget(self) -> None:
        """Drop what every listener has heard, for nobody else can come, and count those who have heard least."""
        heard = min((listener.heard for listener in self._listeners), default=self._forgotten)
        while self._forgotten < heard:
            self._bytes -= weight(self._frames.popleft())
            self._forgotten += 1
        self._slowest = sum(listener.heard == heard for listener in self._listeners)

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.wake()


class _Listener:
    """How far one listener has come."""

    __slots__ = ("_waiting", "heard")

    def __init__(self) -> None:
        self.heard = 0
        self._waiting: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        # A bare future: an asyncio.Event costs three times as much, for every token of every stream.
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _own(error: Exception) -> Exception:
    """Return an error that one listener may raise while others raise theirs: raising writes the traceback into it."""
    return copy.copy(error) if isinstance(error, ServingError) else error


def weight(frame: Frame) -> int:
    """Return about how many bytes of memory a frame takes."""
    return len(frame.data) + len(frame.text) + _FRAME_BYTES
