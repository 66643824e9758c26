"""A number over the last so many seconds: its mean, its extremes."""

from __future__ import annotations

from collections import deque


class Trailing:
    """Remember a value for *window_s* seconds after it was seen, and always the newest one."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def add(self, at_s: float, value: float) -> None:
        """Remember *value*, seen at *at_s*; time does not go back."""
        self._seen.append((at_s, value))
        self._sum += value
        while len(self._seen) > 1 and self._seen[0][0] <= at_s - self._window_s:
            self._sum -= self._seen.popleft()[1]

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def mean(self) -> float:
        """Return the mean of what is remembered; 0 before anything was seen."""
        return self._sum / len(self._seen) if self._seen else 0.0

    @property
    def highest(self) -> float:
        """Return the highest value; raises ValueError before anything was seen."""
        return max(value for _, value in self._seen)

    @property
    def lowest(self) -> float:
        """Return the lowest value; raises ValueError before anything was seen."""
        return min(value for _, value in self._seen)

    def mean_since(self, start_s: float) -> float:
        """Return the mean of what was seen after *start_s*, or else of the newest value; 0 before anything was seen."""
        inside = [value for at_s, value in self._seen if at_s > start_s] or [
            value for _, value in list(self._seen)[-1:]
        ]
        return sum(inside) / len(inside) if inside else 0.0
