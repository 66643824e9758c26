"""Bound each of many waits, the first by its own limit, with one timer that is seldom moved."""

from __future__ import annotations

from types import TracebackType

from deployments.graph.alarm import Alarm

_ENDLESS_S = float("inf")
# Timers may ring a clock tick early; a limit is not worth setting one up anew for that.
_SOON_S = 0.001


class Watchdog(Alarm):
    """An alarm for waits that are too long: *first_s* is the limit of the first wait, *next_s* of every later one.

    Only the time inside a wait counts, not what whoever waits does in between. None is no limit.
    """

    __slots__ = ("_limit_s", "_next_s", "_since_s")

    def __init__(self, first_s: float | None, next_s: float | None) -> None:
        super().__init__(_ENDLESS_S)
        self._limit_s, self._next_s = first_s, next_s
        self._since_s = 0.0

    @property
    def idle(self) -> bool:
        """Say whether no wait from here on is bounded."""
        return self._limit_s is None and self._next_s is None

    def __enter__(self) -> None:
        super().__enter__()
        self._since_s = self._loop.time()
        if self._handle is None and self._limit_s is not None:
            self._handle = self._loop.call_later(self._limit_s, self._ring)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._limit_s != self._next_s:
            self.close()
            self._handle, self._limit_s = None, self._next_s

    def _ring(self) -> None:
        assert self._limit_s is not None  # noqa: S101 - without a limit there is no timer
        # Between waits nothing runs out; the next wait has all of its time.
        began_s = self._since_s if self._task is not None else self._loop.time()
        left_s = began_s + self._limit_s - self._loop.time()
        if left_s > _SOON_S:
            self._handle = self._loop.call_later(left_s, self._ring)
        else:
            super()._ring()
