"""As few replicas as keep the SLO: forecast demand, headroom by measured noise, a backstop, and a lazy release."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autoscale.capacity.estimate import Capacity, CapacityEstimator
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
from autoscale.policies.sla.spare import tightness, too_tight
from autoscale.policies.sla.spec import SlaSpec
from autoscale.policies.sla.starts import arrivals_s
from autoscale.policy import Decision, Policy, PoolDecision, hold

log = logging.getLogger(__name__)

# Between a decision and a replica that is asked for lie the signals' age, Serve's own loop and this policy's interval.
_LAG_S = 10.0
# Demand below this share of a replica is next to nothing, and errors are not relative to it.
_NOTHING = 0.1
# Nine of ten outcomes are below this many scales.
_NINE_TENTHS = 1.2816
_TTFT_S = 2.0
_ALMOST_NONE_RPS = 2e-4


@dataclass(slots=True)
class Sla:
    """Give each pool the smallest number whose chance of falling short within a start is what the SLO allows.

    Pools whose capacity nobody knows yet follow the queue policy instead, held for a minute on the way down.
    """

    spec: SlaSpec
    queue: QueueSpec
    _pools: dict[str, Learned] = field(default_factory=dict)
    _fallback: Policy = field(init=False)
    _failures: Failures = field(default_factory=Failures)

    def __post_init__(self) -> None:
        self._fallback = StepLimit(HoldDown(QueuePolicy(spec=self.queue), 60.0), up=None, down=1)

    def decide(self, fleet: Fleet) -> Decision:
        """Learn from every pool, and answer for it."""
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
        return Learned(Headroom(self.spec.slo_target, self.spec.cost_weight))

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
        if capacity.low_rps <= 0:
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
        try:
            return learned.estimator.see(pool)
        except Exception:
            if self._failures.first("capacity_unknown", name):
                log.exception("capacity_unknown pool=%s", name)
            learned.estimator = CapacityEstimator()
            return Capacity()

    def _learn(
        self, learned: Learned, pool: PoolFleet, capacity: Capacity, counted: Counted, at_s: float, ahead_s: float
    ) -> None:
        if learned.forecaster is None:
            learned.forecaster = Forecaster(_NOTHING * capacity.low_rps)
        learned.forecast = learned.forecaster.see(at_s, counted.rate_rps, counted.gap_s, ahead_s)
        learned.headroom.see(counted.gap_s, counted.judged, counted.missed)
        learned.follow(capacity.low_rps, counted.gap_s)
        carried = pool.ready * capacity.low_rps * learned.factor
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
    ) -> PoolDecision:
        factor = learned.factor
        scales = learned.headroom.scales(forecaster.errors)
        need_rps = forecaster.value(forecast.middle + scales * forecast.scale)
        later_rps = forecaster.value(forecaster.ahead(2 * (start_s + _LAG_S)) + _NINE_TENTHS * forecast.scale)
        planned, each_rps = self._planned(learned, pool, need_rps, factor)
        queue = backstop.Queue(
            excess=backstop.excess(demand.held, forecaster.fast, _ttft_s(pool)),
            rate_rps=forecaster.fast,
            per_replica_rps=each_rps,
            ready=pool.ready,
            coming_s=arrivals_s(pool, at_s, start_s),
        )
        numbers = Numbers(
            planned=planned,
            backstop=backstop.needed(queue, start_s) if queue.excess > 0 else 0,
            rate_rps=forecaster.fast,
            middle_rps=forecaster.value(forecast.middle),
            need_rps=need_rps,
            each_rps=each_rps,
            scales=scales,
            scale=forecast.scale,
            horizon_s=start_s + _LAG_S,
            excess=queue.excess,
            drain_s=backstop.drain_s(queue, start_s),
            belief=factor,
            weights=forecast.weights,
            source=source,
        )
        return self._released(learned, pool, numbers, max(need_rps, later_rps) / each_rps, at_s, start_s)

    def _planned(self, learned: Learned, pool: PoolFleet, need_rps: float, factor: float) -> tuple[int, float]:
        """Return the fewest that carry the need together, and what each does: more of them carry a little more each."""
        count, each_rps = max(1, pool.ready), 0.0
        for _ in range(2):
            # Where so many would carry nothing that is known of, what each does now stands.
            each_rps = learned.estimator.capacity(pool, replicas=count).low_rps * factor or each_rps
            count = max(1, math.ceil(need_rps / each_rps - 1e-9))
        return count, each_rps

    def _released(
        self, learned: Learned, pool: PoolFleet, numbers: Numbers, need: float, at_s: float, start_s: float
    ) -> PoolDecision:
        """Grow at once; shrink when that will last and the rest can take it, to none when idling costs more."""
        asked = max(numbers.planned, numbers.backstop)
        wait_s = learned.release.wait_s(at_s, start_s)
        highest = learned.release.see(at_s, max(need, float(numbers.backstop)), pool.target, wait_s)
        busy = pool.ongoing > 0 or numbers.rate_rps > _ALMOST_NONE_RPS
        idle_s = learned.idle.see(at_s, busy)
        if asked > pool.target:
            return explained(pool, numbers, asked, "backstop" if numbers.backstop > numbers.planned else "demand")
        if pool.blind:
            return hold(pool, "; ".join(pool.blind))
        kept = max(asked, learned.release.kept(highest, at_s, start_s, pool.target))
        if idle_s and pool.min_replicas == 0 and pool.target <= 1:
            keep_s = learned.idle.keep_s(start_s, self.spec.cold_penalty)
            if idle_s > keep_s:
                return explained(pool, numbers, 0, "idle", f"idle for {idle_s:.0f}s, worth keeping for {keep_s:.0f}s")
        if kept < pool.target and (tight := too_tight(pool, kept, numbers.rate_rps / numbers.each_rps)):
            return explained(pool, numbers, pool.target, "consolidation", f"{kept}: {tight}")
        if kept < pool.target:
            return explained(pool, numbers, kept, "release")
        waits = f"{asked}: more was needed within {wait_s:.0f}s" if asked < pool.target else ""
        return explained(pool, numbers, pool.target, "release-wait" if waits else "demand", waits)


def _ttft_s(pool: PoolFleet) -> float:
    return pool.slo.ttft_p95_s or _TTFT_S


def _by_queue(told: PoolDecision) -> PoolDecision:
    return replace(told, reason=f"capacity unknown, by the queue: {told.reason}", binds="queue")
