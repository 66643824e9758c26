"""Size each pool for the demand to expect by the time that a replica asked for now is ready."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autoscale.capacity.estimate import Capacity, CapacityEstimator, source_for
from autoscale.capacity.knee_source import KneeSource, analytic
from autoscale.fleet import Fleet, PoolFleet
from autoscale.forecast.forecaster import Forecast, Forecaster
from autoscale.policies.sla.counted import EVERY_S, Counter
from autoscale.policies.sla.starts import Starts
from autoscale.policy import Decision, PoolDecision, hold, size_each

# Between a decision and a replica that is asked for lie the signals' age and Serve's own loop.
_LAG_S = 10.0
# Demand below the first share of a replica is next to nothing, and errors are not relative to it; what is less than the
# second one of a further replica does not ask for it.
_NOTHING, _SLACK = 0.1, 0.01
# The last request was minutes ago.
_NOBODY_RPS = 2e-4
_NAIVE = "level"


@dataclass(slots=True)
class _Seen:
    estimator: CapacityEstimator
    starts: Starts = field(default_factory=Starts)
    counter: Counter = field(default_factory=Counter)
    forecaster: Forecaster | None = None
    forecast: Forecast | None = None


@dataclass(slots=True)
class ForecastPolicy:
    """Divide a quantile of the forecast at the end of a start by what one replica carries within its targets.

    Where neither the trend nor the season has been less wrong of late than the naive forecast, that demand stays as it
    is, the naive one is taken, with the errors that there were. A queue that is there already is not looked at: combine
    it, with ``max``, with a rule that does. Pools whose capacity nobody knows yet keep what they have, and one replica
    where there is work.
    """

    quantile: float
    knees: KneeSource = analytic
    _pools: dict[str, _Seen] = field(default_factory=dict)

    def decide(self, fleet: Fleet) -> Decision:
        """Learn from every pool, and answer for it."""
        self._pools = {name: seen for name, seen in self._pools.items() if name in fleet.pools}
        return size_each(fleet, lambda name, pool: self._size(name, pool, fleet.at_s))

    def remembered(self) -> Mapping[str, Any]:
        """Return the forecasters as plain JSON, pool by pool: a season takes days to learn."""
        return {name: seen.forecaster.plain() for name, seen in self._pools.items() if seen.forecaster}

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Take up what an earlier process had learnt. Raises ValueError, KeyError or TypeError for anything else."""
        self._pools = {name: self._fresh(Forecaster.of(one)) for name, one in kept.items()}

    def _fresh(self, forecaster: Forecaster | None = None) -> _Seen:
        return _Seen(CapacityEstimator(knees=self.knees), forecaster=forecaster)

    def _size(self, name: str, pool: PoolFleet, at_s: float) -> PoolDecision:
        seen = self._pools.setdefault(name, self._fresh())
        seen.estimator.ask_of(source_for(pool, self.knees))
        capacity = seen.estimator.see(pool)
        each_rps = capacity.rate_rps
        seen.starts.see(pool.replicas)
        if pool.demand is None:
            return hold(pool, "no gateway heard yet")
        counted = None if pool.blind else seen.counter.see(pool.demand, at_s)
        if each_rps <= 0:
            return _kept(pool, _why_unknown(capacity))
        ahead_s = seen.starts.p90_s(pool) + _LAG_S
        if counted is not None:
            seen.forecaster = seen.forecaster or Forecaster(_NOTHING * each_rps)
            seen.forecast = seen.forecaster.see(at_s, counted.rate_rps, counted.gap_s, ahead_s)
        if seen.forecaster is None or seen.forecast is None:
            return _kept(pool, f"demand is being measured for {EVERY_S:g}s")
        demand = _expected(seen.forecaster, seen.forecast, self.quantile)
        each_rps = _each(seen.estimator, pool, demand.high_rps, each_rps)
        return _sized(pool, demand, each_rps, ahead_s)


def _why_unknown(capacity: Capacity) -> str:
    if capacity.source == "none" or capacity.mix is None:
        return "what a replica carries is not known yet"
    return "no rate holds the targets, which most requests miss on an idle engine: loosen slo"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """The rate now, the middle and the quantile of what is expected, and what says so."""

    rate_rps: float
    middle_rps: float
    high_rps: float
    forecast: Forecast
    by: str


def _expected(forecaster: Forecaster, forecast: Forecast, quantile: float) -> _Expected:
    by = max(forecast.weights, key=forecast.weights.__getitem__)  # of equal ones the first, which is the naive one
    middle = forecaster.ahead(0.0) if by == _NAIVE else forecast.middle
    return _Expected(
        rate_rps=forecaster.fast,
        middle_rps=forecaster.value(middle),
        high_rps=forecaster.value(middle + forecast.scale * forecaster.errors.quantile(1 - quantile)),
        forecast=forecast,
        by=by,
    )


def _each(estimator: CapacityEstimator, pool: PoolFleet, need_rps: float, known_rps: float) -> float:
    """Return what each of the replicas that are needed carries: more of them carry a little more each."""
    count = max(1, min(pool.max_replicas, math.ceil(need_rps / known_rps)))
    return estimator.capacity(pool, replicas=count).rate_rps or known_rps


def _sized(pool: PoolFleet, demand: _Expected, each_rps: float, ahead_s: float) -> PoolDecision:
    told = f"{demand.rate_rps:.3g}/s now, up to {demand.high_rps:.3g}/s in {ahead_s:.0f}s by the {demand.by}"
    return PoolDecision(
        replicas=_replicas(pool, demand, each_rps),
        reason=f"forecast: {told}, {each_rps:.3g}/s a replica",
        binds="forecast",
        numbers={
            "rate_rps": demand.rate_rps,
            "forecast_rps": demand.middle_rps,
            "forecast_high_rps": demand.high_rps,
            "forecast_error_share": demand.forecast.scale,
            "horizon_s": ahead_s,
            "capacity_rps": each_rps,
            **{f"weight_{name}": weight for name, weight in demand.forecast.weights.items()},
        },
    )


def _replicas(pool: PoolFleet, demand: _Expected, each_rps: float) -> int:
    nobody = not pool.ongoing and demand.rate_rps < _NOBODY_RPS and demand.middle_rps < _SLACK * each_rps
    return 0 if nobody else max(1, math.ceil(demand.high_rps / each_rps - _SLACK))


def _kept(pool: PoolFleet, why: str) -> PoolDecision:
    """Keep what there is, and wake a pool where there is work."""
    if pool.ongoing and not pool.target:
        return PoolDecision(replicas=1, reason=f"forecast: {why}, and there is work", binds="forecast")
    return hold(pool, why)
