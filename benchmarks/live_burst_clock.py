"""A policy for a fleet that runs several times as fast as its trace: it is shown everything at the trace's own pace.

A trace of twenty minutes is played in four with engines, targets, cold starts and intervals as many times as fast. A
policy has times of its own beside those that it is configured with, so it is not made faster but its clock is slowed
down: each second that passes is ``speed`` seconds to it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from autoscale.capacity.knee_source import KneeSource
from autoscale.capacity.profile import EngineProfile
from autoscale.fleet import Demand, Fleet, PoolFleet, ReplicaFleet
from autoscale.policies.grammar import parse
from autoscale.policies.kind import Build
from autoscale.policies.queue import QueueSpec
from autoscale.policies.registry import KINDS
from autoscale.policy import Decision, Policy, PoolDecision, revise
from deployments.signals import LATENCY_BOUNDS_S, Histogram
from deployments.totals import StepTotals

_POINTS_S = (0.0, *LATENCY_BOUNDS_S)


class Aside(Protocol):
    """Works knees out aside while decisions are made."""

    @property
    def source(self) -> KneeSource:
        """Return what answers."""
        ...

    def go_on(self, at_s: float) -> None:
        """Go on with what was asked until *at_s*, the time of the next decision."""
        ...


@dataclass(slots=True)
class TraceTime:
    """Ask *policy*, written as in a configuration, at the trace's pace; rates and times in its reasons are of that.

    *knees* are worked out in a ``process`` of their own, as the controller does, or ``here``, and told as late as that
    process would on the fleet's clock. Adds to every decision what gateways have judged so far.
    """

    speed: float
    policy: Any = "sla"
    knees: Literal["process", "here"] = "process"
    _inner: Policy = field(init=False)
    _aside: Aside = field(init=False)
    _began_s: float | None = None

    def __post_init__(self) -> None:
        assert KINDS  # noqa: S101 - the grammar knows no kinds before the registry is imported
        self._aside = _aside(self.knees)
        self._inner = parse(self.policy).build(Build(QueueSpec(), self._aside.source))

    def decide(self, fleet: Fleet) -> Decision:
        """Answer what the policy says of the slowed fleet."""
        self._began_s = fleet.at_s if self._began_s is None else self._began_s
        self._aside.go_on(fleet.at_s)
        return revise(fleet, self._inner.decide(slowed(fleet, self.speed, self._began_s)), _judged)


def slowed(fleet: Fleet, speed: float, began_s: float) -> Fleet:
    """Return *fleet* as if everything in it had taken *speed* times as long since *began_s*.

    Slowed from 1970 on, a time would be told to microseconds only, which is too coarse for intervals to be whole.
    """
    pools = {name: _pool(pool, speed, began_s) for name, pool in fleet.pools.items()}
    return replace(fleet, at_s=_later(fleet.at_s, speed, began_s), pools=pools)


def faster(profile: EngineProfile, speed: float) -> EngineProfile:
    """Return the profile of an engine that does everything in 1 / *speed* of the time."""
    starts = replace(profile.starts, median_s=profile.starts.median_s / speed)
    return replace(profile, step=profile.step.slower(1 / speed), entry_s=profile.entry_s / speed, starts=starts)


def _pool(pool: PoolFleet, speed: float, began_s: float) -> PoolFleet:
    slo = replace(
        pool.slo, ttft_p95_s=_times(pool.slo.ttft_p95_s, speed), tpot_p95_s=_times(pool.slo.tpot_p95_s, speed)
    )
    return replace(
        pool,
        slo=slo,
        replicas=tuple(_replica(one, speed, began_s) for one in pool.replicas),
        demand=None if pool.demand is None else _demand(pool.demand, speed),
        ttft=stretched(pool.ttft, speed),
        ttft_window_s=pool.ttft_window_s * speed,
        inter_token=stretched(pool.inter_token, speed),
        profile=None if pool.profile is None else faster(pool.profile, 1 / speed),
    )


def _replica(one: ReplicaFleet, speed: float, began_s: float) -> ReplicaFleet:
    return replace(
        one,
        since_s=_later(one.since_s, speed, began_s),
        age_s=_times(one.age_s, speed),
        requested_s=one.requested_s and _later(one.requested_s, speed, began_s),
        startup_s=_times(one.startup_s, speed),
        steps=StepTotals(
            gram=one.steps.gram,
            seconds=tuple(speed * value for value in one.steps.seconds),
            seconds_squared=speed**2 * one.steps.seconds_squared,
        ),
    )


def _demand(demand: Demand, speed: float) -> Demand:
    return replace(
        demand,
        arrival_rate=demand.arrival_rate / speed,
        refused_rate=demand.refused_rate / speed,
        first_token_rate=demand.first_token_rate / speed,
    )


def stretched(histogram: Histogram, speed: float) -> Histogram:
    """Return the histogram of values *speed* times as long, as even inside each bucket as quantiles take it to be."""
    counts = (0, *histogram.counts)

    def upto(value_s: float) -> int:
        at = bisect_left(_POINTS_S, value_s)
        if at == 0:
            return 0
        low_s, high_s = _POINTS_S[at - 1], _POINTS_S[at]
        return counts[at - 1] + round((counts[at] - counts[at - 1]) * (value_s - low_s) / (high_s - low_s))

    return Histogram(
        counts=tuple(upto(bound_s / speed) for bound_s in LATENCY_BOUNDS_S),
        total=histogram.total,
        sum_s=histogram.sum_s * speed,
    )


def _later(at_s: float, speed: float, began_s: float) -> float:
    return began_s + (at_s - began_s) * speed


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _judged(_: str, pool: PoolFleet, decision: PoolDecision) -> PoolDecision:
    demand = pool.demand or Demand()
    seen = {"arrivals": demand.arrivals_total, "judged": demand.judged_total, "within": demand.within_total}
    return replace(decision, numbers={**decision.numbers, **seen})


def _aside(knees: str) -> Aside:
    """Import only what is asked for: the one starts a process when it is asked, the other compiles code."""
    if knees == "here":
        from benchmarks.live_burst_knees import InTime  # noqa: PLC0415

        return InTime()
    from benchmarks.live_burst_aside import Beside  # noqa: PLC0415

    return Beside()
