"""Exact quantiles of the latest values: enough of them to mean something, none of them too old."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil

SIZE = 512
MAX_AGE_S = 600.0
FEWEST = 20


class QuantileWindow:
    """The latest *size* values that are at most *max_age_s* seconds old; time is an argument."""

    def __init__(self, size: int = SIZE, max_age_s: float = MAX_AGE_S) -> None:
        self._size, self._max_age_s = size, max_age_s
        self._latest: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, value: float, now_s: float) -> None:
        """Take one more value in, and let go of the oldest where there are too many."""
        self.forget(now_s)
        if len(self._latest) >= self._size:
            self._drop()
        self._latest.append((now_s, value))
        insort(self._sorted, value)

    def quantile(self, q: float, now_s: float) -> float | None:
        """Return the least value that a share *q* in (0, 1) of all does not exceed; None while there are too few."""
        self.forget(now_s)
        if len(self._sorted) < fewest(q):
            return None
        return self._sorted[max(0, ceil(q * len(self._sorted)) - 1)]

    def forget(self, now_s: float) -> None:
        """Let go of what is too old."""
        while self._latest and self._latest[0][0] < now_s - self._max_age_s:
            self._drop()

    def _drop(self) -> None:
        _, value = self._latest.popleft()
        del self._sorted[bisect_left(self._sorted, value)]


def fewest(q: float) -> int:
    """Return the number of values below which a quantile is a guess: one at least is to lie above it."""
    return max(FEWEST, ceil(1 / (1 - q) - 1e-9))
