"""How much a replica may be planned to carry so that, as demand is forecast, as many requests miss as may."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from autoscale.capacity.miss_curve import MissCurve
from autoscale.forecast.errors import Errors

# Chances between which an error lies, from the likely half to the tail; each part counts by its middle.
_EDGES = (0.5, 0.25, 0.1, 0.04, 0.015, 0.005, 0.0015, 0.0003)
_LAST = 0.0001
_HALVINGS = 14
# A margin is worked out again when the usual error or the budget has changed by more than this, or after a while.
_SAME, _OLD_S = 0.07, 300.0

Parts = tuple[tuple[float, float], ...]


def parts(errors: Errors) -> Parts:
    """Return errors in scales with their chances: those below the forecast as none, the others by their quantiles."""
    found = [(0.0, 0.5)]
    for over, less in zip(_EDGES, (*_EDGES[1:], 0.0), strict=True):
        found.append((errors.quantile(math.sqrt(over * less) if less else _LAST), over - less))
    return tuple(found)


def expected(curve: MissCurve, log_rps: float, scale: float, chances: Parts) -> float:
    """Return the share that will miss if a rate is forecast whose logarithm errs by *scale*."""
    return sum(chance * curve.share(log_rps + scale * scales) for scales, chance in chances)


def planned_rps(curve: MissCurve, allowed: float, scale: float, chances: Parts) -> float:
    """Return the forecast rate per replica at which *allowed* of the requests will miss."""
    low, high = curve.logs_rps[0] - 2.0, curve.logs_rps[-1]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(curve, middle, scale, chances) <= allowed else (low, middle)
    return math.exp(low)


@dataclass(slots=True)
class Margin:
    """Keeps what was worked out while nothing it follows from has changed by much."""

    _parts: Parts = ()
    _made_s: float = -math.inf
    _of: Sequence[float] = ()
    _kept: dict[MissCurve, float] = field(default_factory=dict)

    def planned_rps(self, curve: MissCurve, allowed: float, scale: float, errors: Errors, at_s: float) -> float:
        """Return the rate to plan for each replica with."""
        now = (math.log(allowed), math.log(scale))
        if at_s - self._made_s > _OLD_S or any(abs(a - b) > _SAME for a, b in zip(now, self._of, strict=True)):
            self._parts, self._made_s, self._of, self._kept = parts(errors), at_s, now, {}
        if curve not in self._kept:
            self._kept[curve] = planned_rps(curve, math.exp(self._of[0]), math.exp(self._of[1]), self._parts)
        return self._kept[curve]
