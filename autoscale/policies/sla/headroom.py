"""How far above the forecast to plan: by how wrong forecasts are, and by the error budget that is left."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autoscale.forecast.errors import Errors
from autoscale.forecast.smoothing import gain

DAY_S = 86_400.0
# Demand over the plan in so many times the share of moments that requests may miss: whole replicas, the ones that are
# held back and the targets' own slack absorb most of it (replays of recorded weeks give 3 to 8).
_ABSORBED = 5.0
# A day without misses lowers the headroom by so many scales, a day that misses twice the budget raises it by as many.
_STEP = 0.15
_LOWEST, _HIGHEST = -0.6, 1.0
# Aim for this share of the budget, so that the rest is there when something unheard of happens.
_SPEND = 0.6


@dataclass(slots=True)
class Headroom:
    """The newsvendor's quantile of forecast errors, shifted slowly until misses use up what they may."""

    slo_target: float
    cost_weight: float = 1.0
    shift: float = 0.0
    judged_per_s: float = 0.0
    seen_s: float = 0.0

    def see(self, gap_s: float, judged: int, missed: int) -> None:
        """Take how many requests were judged and missed in *gap_s* seconds."""
        self.seen_s += gap_s
        share = max(gain(gap_s, DAY_S), min(1.0, gap_s / self.seen_s))
        self.judged_per_s += share * (judged / gap_s - self.judged_per_s)
        if self.judged_per_s <= 0:
            return
        budget = self.budget * _SPEND * self.judged_per_s * max(DAY_S / 4, min(DAY_S, self.seen_s))
        self.shift += _STEP * (missed / budget - gap_s / DAY_S * (judged > 0))
        self.shift = min(_HIGHEST, max(_LOWEST, self.shift))

    @property
    def budget(self) -> float:
        """Return the share of requests that may miss."""
        return (1 - self.slo_target) / self.cost_weight

    def scales(self, errors: Errors) -> float:
        """Return by how many scales of the forecast's error to plan above it, at least one."""
        return max(1.0, errors.quantile(min(0.5, _ABSORBED * self.budget)) + self.shift)

    def plain(self) -> dict[str, Any]:
        """Return what was learnt as plain JSON."""
        return {name: value for name, value in asdict(self).items() if name not in {"slo_target", "cost_weight"}}
