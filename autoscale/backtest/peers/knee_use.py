"""Utilisation of what replicas carry at their latency targets, as a metric for an HPA."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from autoscale.backtest.peers.hpa import Hpa, Target
from autoscale.backtest.peers.readings import arrivals_per_s
from autoscale.capacity.estimate import CapacityEstimator
from autoscale.fleet import PoolFleet
from autoscale.sim.knee import SIMULATED

RateOf = Callable[[PoolFleet], float]


@dataclass(slots=True)
class LearntRate:
    """The rate that one of the pool's replicas carries, learnt from the pool itself; 0 while unknown."""

    estimator: CapacityEstimator = field(default_factory=lambda: CapacityEstimator(knees=SIMULATED))

    def __call__(self, pool: PoolFleet) -> float:
        """Learn from *pool* and return requests per second and replica."""
        return self.estimator.see(pool).rate_rps


def hpa_on_knee(*, utilization: float = 0.78, rate_of: RateOf | None = None) -> Hpa:
    """Return an HPA that keeps arrivals at *utilization* of the knee; it holds while the knee is unknown."""
    known = rate_of or LearntRate()

    def used(pool: PoolFleet) -> float:
        rate = known(pool)
        return arrivals_per_s(pool) / rate if rate > 0 else math.nan

    return Hpa(targets=(Target(name="knee", total=used, per_replica=utilization),))
