"""Where a noisy series stands now: slow while it only rattles, fast once it has really moved."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from autoscale.forecast.smoothing import gain

_FAST_S = 45.0
_SLOW_S = 900.0
_NOISE_S = 6 * 3600.0
# Deviations of the fast mean from the slow one, in standard deviations: below the first it is noise, above the second
# a move, and in between partly each.
_NOISE, _MOVE = 1.5, 2.5
_LEAST_NOISE = 0.005


@dataclass(slots=True)
class Level:
    """Two means of different memory; their usual distance tells noise from a move."""

    fast: float = 0.0
    slow: float = 0.0
    variance: float = 0.03**2
    begun: bool = False

    def see(self, value: float, gap_s: float) -> float:
        """Take a value that stands for the last *gap_s* seconds, and return the level."""
        if not self.begun:
            self.fast = self.slow = value
            self.begun = True
        self.fast += gain(gap_s, _FAST_S) * (value - self.fast)
        moved = self._moved()
        slow = gain(gap_s, _SLOW_S)
        if moved:
            self.slow += (slow + (gain(gap_s, _FAST_S) - slow) * moved) * (self.fast - self.slow)
        else:
            self.slow += slow * (value - self.slow)
        squared = min((self.fast - self.slow) ** 2, 9 * self.variance)
        self.variance = max(_LEAST_NOISE**2, self.variance + gain(gap_s, _NOISE_S) * (squared - self.variance))
        return self.slow + moved * (self.fast - self.slow)

    def plain(self) -> dict[str, Any]:
        """Return everything as plain JSON, to be given to the constructor again."""
        return asdict(self)

    def _moved(self) -> float:
        deviations = abs(self.fast - self.slow) / math.sqrt(self.variance)
        return min(1.0, max(0.0, (deviations - _NOISE) / (_MOVE - _NOISE)))
