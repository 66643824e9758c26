"""As few replicas as keep the SLO: forecast demand, headroom by measured noise, a backstop, and a lazy release."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autoscale.capacity.estimate import Capacity, CapacityEstimator, source_for
from autoscale.capacity.knee_source import KneeSource, analytic
from autoscale.failures import Failures
from autoscale.fleet import Demand, Fleet, PoolFleet
from autoscale.forecast.forecaster import Forecast, Forecaster
from autoscale.policies.combinators import HoldDown, StepLimit
from autoscale.policies.queue import QueuePolicy, QueueSpec
from autoscale.policies.sla import backstop
from autoscale.policies.sla.counted import EVERY_S, Counted
from autoscale.policies.sla.explained import Numbers, explained
from autoscale.policies.sla.headroom import Headroom
from autoscale.policies.sla.learned import Learned
from autoscale.policies.sla.plan import plan
from autoscale.policies.sla.release import Release
from autoscale.policies.sla.spare import tightness, too_tight
from autoscale.policies.sla.spec import SlaSpec
from autoscale.policies.sla.starts import arrivals_s
from autoscale.policy import Decision, Policy, PoolDecision, hold

log = logging.getLogger(__name__)

# Between a decision and a replica that is asked for lie the signals' age, Serve's own loop and this policy's interval.
_LAG_S = 10.0
# Demand below this share of a replica is next to nothing, and errors are not relative to it.
_NOTHING = 0.1
_TTFT_S = 2.0
_ALMOST_NONE_RPS = 2e-4
# Of many pools whose requests or engines change at once, so many are worked out anew in each decision.
_RENEWED_AT_ONCE = 3


@dataclass(slots=True)
class Sla:
    """Give each pool the smallest number whose chance of falling short within a start is what the SLO allows.

    Pools whose capacity nobody knows yet follow the queue policy instead, held for a minute on the way down.
    """

    spec: SlaSpec
    queue: QueueSpec
    knees: KneeSource = analytic
    _pools: dict[str, Learned] = field(default_factory=dict)
    _fallback: Policy = field(init=False)
    _failures: Failures = field(default_factory=Failures)
    _renewals: int = 0

    def __post_init__(self) -> None:
        self._fallback = StepLimit(HoldDown(QueuePolicy(spec=self.queue), 60.0), up=None, down=1)

    def decide(self, fleet: Fleet) -> Decision:
        """Learn from every pool, and answer for it."""
        self._renewals = _RENEWED_AT_ONCE
        self._pools = {name: learned for name, learned in self._pools.items() if name in fleet.pools}
        answers = {name: self._contained(name, pool, fleet.at_s) for name, pool in fleet.pools.items()}
        unknown = {name: fleet.pools[name] for name, told in answers.items() if told is None}
        simple = self._fallback.decide(replace(fleet, pools=unknown)).pools
        return Decision(pools={name: told or _by_queue(simple[name]) for name, told in answers.items()})

    def remembered(self) -> Mapping[str, Any]:
        """Return what was learnt as plain JSON, pool by pool."""
        return {name: learned.plain() for name, learned in self._pools.items()}

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Take up what an earlier process had learnt. Raises ValueError, KeyError or TypeError for anything else."""
        found = {}
        for name, one in kept.items():
            found[name] = self._fresh()
            found[name].take(one)
        self._pools = found

    def _fresh(self) -> Learned:
        estimator = CapacityEstimator(knees=self.knees)
        headroom, release = Headroom(self.spec.slo_target, self.spec.cost_weight), Release(self.spec.release_after)
        return Learned(headroom, estimator, release=release)

    def _contained(self, name: str, pool: PoolFleet, at_s: float) -> PoolDecision | None:
        """Size one pool; what cannot be worked out costs it what it has learnt, and no other pool anything."""
        try:
            return self._size(name, pool, at_s)
        except Exception:
            if self._failures.first("sizing_failed", name):
                log.exception("sizing_failed pool=%s", name)
            self._pools[name] = self._fresh()
            return hold(pool, "no gateway heard yet") if pool.demand is None else None

    def _size(self, name: str, pool: PoolFleet, at_s: float) -> PoolDecision | None:
        learned = self._pools.setdefault(name, self._fresh())
        capacity = self._capacity(name, learned, pool)
        learned.starts.see(pool.replicas)
        if pool.demand is None:
            return hold(pool, "; ".join(pool.blind) or "no gateway heard yet")
        if capacity.curve is None:
            return None
        start_s = learned.starts.p90_s(pool)
        counted = None if pool.blind else learned.counter.see(pool.demand, at_s)
        if counted is not None:
            self._learn(learned, pool, capacity, counted, at_s, start_s + _LAG_S)
        if learned.forecaster is None or learned.forecast is None:
            return hold(pool, "; ".join(pool.blind) or f"demand is being measured for {EVERY_S:g}s")
        return self._decide(
            learned, learned.forecaster, learned.forecast, pool, pool.demand, capacity.source, at_s, start_s
        )

    def _capacity(self, name: str, learned: Learned, pool: PoolFleet) -> Capacity:
        """Ask the estimator; totals that no engine can have had cost it what it has learnt, and nothing else."""
        estimator, before = learned.estimator, learned.estimator.renewed
        estimator.ask_of(source_for(pool, self.knees))
        try:
            return estimator.see(pool, renew=self._renewals > 0)
        except Exception:
            if self._failures.first("capacity_unknown", name):
                log.exception("capacity_unknown pool=%s", name)
            learned.estimator = CapacityEstimator(knees=self.knees)
            return Capacity()
        finally:
            self._renewals -= estimator.renewed - before

    def _learn(
        self, learned: Learned, pool: PoolFleet, capacity: Capacity, counted: Counted, at_s: float, ahead_s: float
    ) -> None:
        if learned.forecaster is None:
            learned.forecaster = Forecaster(_NOTHING * capacity.rate_rps)
        learned.forecast = learned.forecaster.see(at_s, counted.rate_rps, counted.gap_s, ahead_s)
        # What a jump makes late until replicas are there for it no headroom would have saved.
        noise = at_s - learned.forecaster.jumped_s > ahead_s
        learned.headroom.see(counted.gap_s, noise * counted.judged, noise * counted.missed)
        carried = pool.ready * capacity.rate_rps * learned.belief.factor
        rate_rps = learned.forecaster.fast
        held = pool.demand.held if pool.demand else 0
        learned.belief.see(
            at_s,
            counted.gap_s,
            utilization=rate_rps / carried if carried > 0 else 1.0,
            missed_share=counted.missed / counted.judged if counted.judged else 0.0,
            queued=backstop.excess(held, rate_rps, _ttft_s(pool)) > rate_rps * _ttft_s(pool) + 1,
            tightness=tightness(pool),
        )

    def _decide(
        self,
        learned: Learned,
        forecaster: Forecaster,
        forecast: Forecast,
        pool: PoolFleet,
        demand: Demand,
        source: str,
        at_s: float,
        start_s: float,
    ) -> PoolDecision | None:
        middle_rps = forecaster.value(forecast.middle)
        later_rps = forecaster.value(forecaster.ahead(2 * (start_s + _LAG_S)))
        made = plan(learned, pool, forecast, middle_rps, at_s)
        if made is None:
            return None
        queue = backstop.Queue(
            excess=backstop.excess(demand.held, forecaster.fast, _ttft_s(pool)),
            rate_rps=forecaster.fast,
            per_replica_rps=made.full_rps,
            ready=pool.ready,
            coming_s=arrivals_s(pool, at_s, start_s),
        )
        numbers = Numbers(
            planned=made.replicas,
            backstop=backstop.needed(queue, start_s) if queue.excess > 0 else 0,
            rate_rps=forecaster.fast,
            middle_rps=middle_rps,
            need_rps=middle_rps * made.margin,
            each_rps=made.each_rps,
            allowed=learned.headroom.allowed,
            scale=forecast.scale,
            horizon_s=start_s + _LAG_S,
            excess=queue.excess,
            drain_s=backstop.drain_s(queue, start_s),
            belief=learned.belief.factor,
            weights=forecast.weights,
            source=source,
            provisional=made.provisional,
        )
        return self._released(
            learned, pool, numbers, max(middle_rps, later_rps) * made.margin / made.each_rps, at_s, start_s
        )

    def _released(
        self, learned: Learned, pool: PoolFleet, numbers: Numbers, need: float, at_s: float, start_s: float
    ) -> PoolDecision:
        """Grow at once; shrink when that will last and the rest can take it, to none when idling costs more."""
        asked = max(numbers.planned, numbers.backstop)
        wait_s = learned.release.wait_s(start_s)
        highest = learned.release.see(at_s, max(need, float(numbers.backstop)), pool.target, wait_s)
        busy = pool.ongoing > 0 or numbers.rate_rps > _ALMOST_NONE_RPS
        idle_s = learned.idle.see(at_s, busy)
        waits = learned.growth.waits(at_s, asked, need, numbers.backstop, pool.target)
        if asked > pool.target and not waits:
            return explained(pool, numbers, asked, "backstop" if numbers.backstop > numbers.planned else "demand")
        if pool.blind:
            return hold(pool, "; ".join(pool.blind))
        kept = max(min(asked, pool.target), learned.release.kept(highest, at_s, start_s, pool.target))
        if idle_s and pool.min_replicas == 0 and pool.target <= 1:
            keep_s = learned.idle.keep_s(start_s, self.spec.cold_penalty)
            if idle_s > keep_s:
                return explained(pool, numbers, 0, "idle", f"idle for {idle_s:.0f}s, worth keeping for {keep_s:.0f}s")
        if kept < pool.target and (tight := too_tight(pool, kept, numbers.rate_rps / numbers.each_rps)):
            return explained(pool, numbers, pool.target, "consolidation", f"{kept}: {tight}")
        if kept < pool.target:
            return explained(pool, numbers, kept, "release")
        if asked == pool.target:
            return explained(pool, numbers, pool.target, "demand")
        why = f"{asked}: not for long enough yet" if waits else f"{asked}: more was needed within {wait_s:.0f}s"
        return explained(pool, numbers, pool.target, "growth-wait" if waits else "release-wait", why)


def _ttft_s(pool: PoolFleet) -> float:
    return pool.slo.ttft_p95_s or _TTFT_S


def _by_queue(told: PoolDecision) -> PoolDecision:
    return replace(told, reason=f"capacity unknown, by the queue: {told.reason}", binds="queue")
