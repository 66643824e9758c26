"""How many requests may still be moved today: a share of those of 24 hours."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

DAY_S = 86_400.0
_HOUR_S = 3_600.0


@dataclass(slots=True)
class Allowance:
    """Requests meant for a pool and moved away from it, by the hour, over 24 hours.

    Before a day has passed its mean rate stands for the hours that nobody has seen.
    """

    _hours: deque[list[float]] = field(default_factory=deque)
    _began_s: float | None = None
    _last: tuple[int, int] | None = None

    def see(self, at_s: float, meant: int, moved: int) -> None:
        """Add what happened since the last call; both counts only grow."""
        began_s = at_s // _HOUR_S * _HOUR_S
        if self._began_s is None:
            self._began_s = at_s
        if not self._hours or self._hours[-1][0] != began_s:
            self._hours.append([began_s, 0.0, 0.0])
        while self._hours[0][0] <= at_s - DAY_S - _HOUR_S:
            self._hours.popleft()
        if self._last is not None:
            self._hours[-1][1] += max(0, meant - self._last[0])
            self._hours[-1][2] += max(0, moved - self._last[1])
        self._last = meant, moved

    def left(self, at_s: float, share: float) -> float:
        """Return how many requests may still be moved where *share* of all may be."""
        seen_s = min(DAY_S, at_s - self._began_s) if self._began_s is not None else 0.0
        meant, moved = (sum(hour[field] for hour in self._hours) for field in (1, 2))
        whole = meant * DAY_S / seen_s if seen_s > 0 else 0.0
        return share * whole - moved

    def plain(self) -> dict[str, object]:
        """Return everything as plain JSON."""
        return {"hours": [list(hour) for hour in self._hours], "began_s": self._began_s}

    def take(self, hours: Sequence[Sequence[float]], began_s: float | None) -> None:
        """Go on from what was written down."""
        self._hours = deque(
            [float(value) for value in hour] for hour in hours if len(hour) == len(("s", "meant", "moved"))
        )
        self._began_s = None if began_s is None else float(began_s)
