"""Where a noisy series stands now and where it goes: slow while it only rattles, fast once it has really moved."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from autoscale.forecast.smoothing import gain

_FAST_S = 45.0
_SLOW_S = 1500.0
_NOISE_S = 6 * 3600.0
# Deviations of the fast mean from the line, in standard deviations: below the first it is noise, above the second a
# move, and in between partly each.
_NOISE, _MOVE = 4.0, 6.0
_LEAST_NOISE = 0.005


@dataclass(slots=True)
class Level:
    """A line by double exponential smoothing (R. G. Brown, 1956), and a fast mean whose usual distance is noise.

    Unlike a mean of the same memory the line does not lag behind a steady rise, so that only what is steeper counts as
    a move.
    """

    fast: float = 0.0
    slow: float = 0.0
    slower: float = 0.0
    variance: float = 0.03**2
    begun: bool = False

    def see(self, value: float, gap_s: float) -> float:
        """Take a value that stands for the last *gap_s* seconds, and return the level."""
        if not self.begun:
            self.fast = self.slow = self.slower = value
            self.begun = True
        self.fast += gain(gap_s, _FAST_S) * (value - self.fast)
        self.slow += gain(gap_s, _SLOW_S) * (value - self.slow)
        self.slower += gain(gap_s, _SLOW_S) * (self.slow - self.slower)
        off = self.fast - self._line
        moved = self._moved(off)
        shift = gain(gap_s, _FAST_S) * moved * off
        self.slow, self.slower = self.slow + shift, self.slower + shift
        squared = min(off**2, 9 * self.variance)
        self.variance = max(_LEAST_NOISE**2, self.variance + gain(gap_s, _NOISE_S) * (squared - self.variance))
        return self._line + moved * (self.fast - self._line)

    def plain(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return asdict(self)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Self:
        """Take up what an earlier process had. Raises KeyError where a part of it is not there."""
        return cls(**{one.name: plain[one.name] for one in fields(cls)})

    @property
    def _line(self) -> float:
        return 2 * self.slow - self.slower

    def _moved(self, off: float) -> float:
        return min(1.0, max(0.0, (abs(off) / math.sqrt(self.variance) - _NOISE) / (_MOVE - _NOISE)))
