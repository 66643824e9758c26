"""How long requests lately took from being let in to their end."""

from __future__ import annotations

from collections import deque

REMEMBERED = 64


class ServiceTimes:
    """The last service times, in seconds; those of requests that failed or left early count, for they free a place."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def known(self) -> bool:
        """Say whether anything has ended yet."""
        return bool(self._seconds)

    @property
    def mean_s(self) -> float:
        """Return the mean, 0 where nothing is known."""
        return sum(self._seconds) / len(self._seconds) if self._seconds else 0.0

    @property
    def least_s(self) -> float:
        """Return the least, 0 where nothing is known."""
        return min(self._seconds, default=0.0)

    def ended(self, started_s: float, now_s: float) -> None:
        """Note a request that was let in at *started_s* and is over now."""
        self._seconds.append(max(0.0, now_s - started_s))
