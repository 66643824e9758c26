"""NVIDIA Dynamo's planner, throughput loop, and both loops together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from autoscale.backtest.peers.dynamo_load import SENSITIVITY, SlaLoad
from autoscale.backtest.peers.knee_use import LearntRate, RateOf
from autoscale.backtest.peers.local_trend import LocalTrend
from autoscale.backtest.rule import Rule, Sampleless
from autoscale.capacity.estimate import CapacityEstimator
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision, hold
from autoscale.sim.knee import SIMULATED

# The planner's engine rate is where predicted means meet the targets.
_MEANS = 0.5
INTERVAL_S = 180.0


def _rate_by_means() -> RateOf:
    return LearntRate(CapacityEstimator(quantile=_MEANS, knees=SIMULATED))


@dataclass(slots=True, kw_only=True)
class Throughput(Sampleless):
    """Requests predicted for the next interval over what one engine carries.

    The prediction is the planner's Kalman filter, or the last interval where *trend* is False. Its ARIMA, the default
    there, is not rebuilt here.
    """

    rate_of: RateOf = field(default_factory=_rate_by_means)
    trend: bool = True
    min_endpoint: int = 1
    interval_s: float = INTERVAL_S
    _filter: LocalTrend = field(default_factory=LocalTrend)
    _before: tuple[float, int] | None = None

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from the arrivals since the last decision."""
        rate, before = self.rate_of(pool), self._before
        arrivals = pool.demand.arrivals_total if pool.demand else 0
        self._before = at_s, arrivals
        if before is None or at_s <= before[0] or rate <= 0:
            return hold(pool, "no interval seen yet, or the engine's rate unknown")
        seen = (arrivals - before[1]) / (at_s - before[0])
        self._filter.add(seen * self.interval_s)
        predicted = max(0.0, self._filter.next) / self.interval_s if self.trend else seen
        replicas = max(math.ceil(predicted / rate - 1e-9), self.min_endpoint)
        return PoolDecision(replicas=replicas, reason=f"{predicted:.2f} rps predicted, {rate:.3f} each")


@dataclass(slots=True, kw_only=True)
class BothLoops:
    """The load loop above a floor that the throughput loop sets."""

    load: Rule = field(default_factory=SlaLoad)
    throughput: Rule = field(default_factory=Throughput)
    interval_s: float = 5.0
    _floor: PoolDecision | None = None
    _due_s: float = -math.inf

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Let both sample."""
        self.load.see(pool, at_s)
        self.throughput.see(pool, at_s)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Return the higher of the two."""
        if self._floor is None or at_s >= self._due_s:
            first = self._floor is None
            self._floor = self.throughput.size(pool, at_s)
            self._due_s = at_s + self.throughput.interval_s
            if first:  # a floor that only held is none
                self._floor = replace(self._floor, replicas=0)
        asked = self.load.size(pool, at_s)
        return max(asked, self._floor, key=lambda one: one.replicas)


def both_loops(sensitivity: float = SENSITIVITY, interval_s: float = INTERVAL_S) -> BothLoops:
    """Return both with this sensitivity of the load loop and this interval of the throughput loop."""
    return BothLoops(load=SlaLoad(sensitivity=sensitivity), throughput=Throughput(interval_s=interval_s))
