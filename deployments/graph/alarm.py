"""Bound many waits by one moment, with one timer: ``asyncio.timeout`` sets one up for each wait, for each frame."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any


class Alarm:
    """A context manager to be entered for each wait; TimeoutError once its time has come, in a wait or before one.

    Made inside a running event loop; ``close`` it when there is nothing more to wait for.
    """

    __slots__ = ("_before", "_handle", "_loop", "_task", "rung")

    def __init__(self, delay_s: float) -> None:
        self.rung = delay_s <= 0
        self._task: asyncio.Task[Any] | None = None
        self._before = 0
        # Kept, since to ask which one runs takes a system call, for each frame.
        self._loop = asyncio.get_running_loop()
        self._handle = None if delay_s == float("inf") else self._loop.call_later(max(0.0, delay_s), self._ring)

    def close(self) -> None:
        """Forget the time."""
        if self._handle is not None:
            self._handle.cancel()

    def __enter__(self) -> None:
        if self.rung:
            raise TimeoutError
        self._task = asyncio.current_task(self._loop)
        assert self._task is not None  # noqa: S101 - whoever waits is a task
        self._before = self._task.cancelling()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        # Somebody else may have cancelled the task as well: then it is theirs.
        if self.rung and task is not None and task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def ring(self) -> None:
        """Have the time come now."""
        self.rung = True
        if self._task is not None:
            self._task.cancel()

    def _ring(self) -> None:
        self.ring()
