"""How many misses to plan for: those that the target leaves, fewer after too many and more after next to none."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

_MEMORY_S = 86_400.0
# Aim for this share of the budget, so that the rest is there when something unheard of happens.
_SPEND = 0.8
# What was aimed at counts like so many misses that came as they should.
_PRIOR = 50.0
# So many times the aim are planned for at the most, where fewer have missed, and at the least, where more have. Whole
# replicas, and those that are held for a while, take in misses that a plan counts. But what did not miss is not saved
# up any further: a margin that quiet hours have worn thin does not outlast the first rise.
_MOST, _LEAST = 1.5, 0.1


@dataclass(slots=True)
class Headroom:
    """The share of requests that a plan may miss; what was judged fades within a day."""

    slo_target: float
    cost_weight: float = 1.0
    judged: float = 0.0
    missed: float = 0.0

    def see(self, gap_s: float, judged: int, missed: int) -> None:
        """Take how many requests were judged and missed in *gap_s* seconds."""
        keep = math.exp(-gap_s / _MEMORY_S)
        self.judged, self.missed = keep * self.judged + judged, keep * self.missed + missed

    @property
    def budget(self) -> float:
        """Return the share of requests that may miss."""
        return (1 - self.slo_target) / self.cost_weight

    @property
    def allowed(self) -> float:
        """Return the share of requests that a plan may expect to miss."""
        aim = self.budget * _SPEND
        prior = max(_PRIOR, aim * self.judged)
        ratio = (aim * self.judged + prior) / (self.missed + prior)
        return aim * min(_MOST, max(_LEAST, ratio))

    def plain(self) -> dict[str, Any]:
        """Return what was learnt as plain JSON."""
        return {name: value for name, value in asdict(self).items() if name not in {"slo_target", "cost_weight"}}
