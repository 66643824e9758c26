"""How a series usually moves at this time of the day or of the week."""

from __future__ import annotations

from collections import deque
from typing import Any

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
BIN_S = 300.0
# A bin joins the memory this long after it has ended: until then it would be compared with itself.
_REST_S = 3600.0
# Half of what is remembered is the latest day or week.
_LATEST = 0.5


class Season:
    """Means of a series in bins of a *period_s*; the latest period counts half, the one before a quarter."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._bins: list[float | None] = [None] * round(period_s / BIN_S)
        self._waiting: deque[tuple[float, int, float]] = deque()
        self._at, self._sum, self._count = -1, 0.0, 0
        self._averaged: dict[int, float | None] = {}

    def see(self, at_s: float, value: float) -> None:
        """Take the value at *at_s* (Unix time)."""
        at = int(at_s // BIN_S) % len(self._bins)
        if at != self._at:
            if self._count:
                self._waiting.append((at_s, self._at, self._sum / self._count))
            self._at, self._sum, self._count = at, 0.0, 0
            while self._waiting and self._waiting[0][0] <= at_s - _REST_S:
                _, done, mean = self._waiting.popleft()
                old = self._bins[done]
                self._bins[done] = mean if old is None else old + _LATEST * (mean - old)
                self._averaged.clear()
        self._sum += value
        self._count += 1

    def change(self, at_s: float, ahead_s: float) -> float | None:
        """Return how much the series usually rises from *at_s* to *ahead_s* later, None where it is not known."""
        now, then = self._usual(at_s), self._usual(at_s + ahead_s)
        return None if now is None or then is None else then - now

    def plain(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "bins": [None if mean is None else round(mean, 4) for mean in self._bins],
            "waiting": [list(one) for one in self._waiting],
        }

    def take(self, plain: dict[str, Any]) -> None:
        """Take up what an earlier process had. Raises ValueError where that had bins of another width."""
        if len(plain["bins"]) != len(self._bins):
            raise ValueError(f"{len(plain['bins'])} bins are not the {len(self._bins)} of this period")
        self._bins, self._averaged = list(plain["bins"]), {}
        self._waiting = deque((at_s, at, mean) for at_s, at, mean in plain["waiting"])

    def _usual(self, at_s: float) -> float | None:
        """Return the value of this time: neighbouring bins averaged, and linear between their middles."""
        place = at_s / BIN_S - 0.5
        left = int(place // 1)
        before, after = self._nearby(left), self._nearby(left + 1)
        return None if before is None or after is None else before + (place - left) * (after - before)

    def _nearby(self, at: int) -> float | None:
        if at not in self._averaged:
            kept = [self._bins[(at + by) % len(self._bins)] for by in (-1, 0, 1)]
            known = [mean for mean in kept if mean is not None]
            self._averaged[at] = sum(known) / len(kept) if len(known) == len(kept) else None
        return self._averaged[at]
