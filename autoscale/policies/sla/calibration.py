"""How many requests missed a target for each that was expected to, at the size that the pool had."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

# The expectation counts like so many misses that came as expected, and what was seen fades within a day.
_PRIOR = 20.0
_MEMORY_S = 86_400.0
_LOWEST, _HIGHEST = 0.2, 10.0


@dataclass(slots=True)
class Calibration:
    """Misses seen and expected; a simulation knows the longest requests, on which misses depend, only by a few."""

    missed: float = 0.0
    expected: float = 0.0

    @property
    def ratio(self) -> float:
        """Return by what to multiply expected misses."""
        return min(_HIGHEST, max(_LOWEST, (self.missed + _PRIOR) / (self.expected + _PRIOR)))

    def see(self, gap_s: float, missed: float, expected: float) -> None:
        """Take the misses of *gap_s* seconds, and how many were to be expected."""
        keep = math.exp(-gap_s / _MEMORY_S)
        self.missed, self.expected = keep * self.missed + missed, keep * self.expected + expected

    def plain(self) -> dict[str, Any]:
        """Return what was learnt as plain JSON."""
        return asdict(self)
