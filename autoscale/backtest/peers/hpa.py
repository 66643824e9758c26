"""Kubernetes' Horizontal Pod Autoscaler at its defaults."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from autoscale.backtest.rule import Sampleless
from autoscale.backtest.trailing import Trailing
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision

TOLERANCE = 0.1
STABILIZATION_S = 300.0
_MOST_PODS_UP = 4

Metric = Callable[[PoolFleet], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A metric summed over the pool, nan while unknown, and how much of it one replica should have."""

    name: str
    total: Metric
    per_replica: float


@dataclass(slots=True, kw_only=True)
class Hpa(Sampleless):
    """desired = ceil(n x metric / target); the most that any metric asks for.

    Up at once, by at most 100 % or 4 replicas in 15 s; down only to the highest answer of the last 300 s.
    """

    targets: tuple[Target, ...]
    interval_s: float = 15.0
    stabilization_s: float = STABILIZATION_S
    tolerance: float = TOLERANCE
    _asked: Trailing = field(init=False)

    def __post_init__(self) -> None:
        self._asked = Trailing(self.stabilization_s)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from the metrics as they are now."""
        if not len(self._asked):  # a scaler that begins must not undo what was there before it
            self._asked.add(at_s, float(pool.target))
        asked, why = max((self._desired(pool, target) for target in self.targets), key=lambda one: one[0])
        self._asked.add(at_s, float(asked))
        stable = asked if asked >= pool.target else min(pool.target, int(self._asked.highest))
        most = max(2 * pool.target, pool.target + _MOST_PODS_UP)
        return PoolDecision(replicas=min(stable, most), reason=why)

    def _desired(self, pool: PoolFleet, target: Target) -> tuple[int, str]:
        n, total = pool.ready, target.total(pool)
        if not n or math.isnan(total):
            return pool.target, f"{target.name}: unknown, {n} ready"
        ratio = total / n / target.per_replica
        told = f"{target.name}: {total / n:.3g} each, target {target.per_replica:.3g}, {n} ready"
        if abs(ratio - 1) <= self.tolerance:
            return pool.target, f"{told}; within {self.tolerance:g}"
        return math.ceil(n * ratio - 1e-9), told
