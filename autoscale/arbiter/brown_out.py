"""A policy around a policy that publishes brown-out shares: who stands in for pools whose capacity is late."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from autoscale.arbiter.allowance import Allowance
from autoscale.arbiter.carries import Carries
from autoscale.arbiter.offered import Counts, Offered, as_meant, involved
from autoscale.arbiter.share import Pressure, steady, wanted
from autoscale.arbiter.spec import BrownOutSpec
from autoscale.capacity.knee_source import KneeSource, analytic
from autoscale.failures import Failures
from autoscale.fleet import STARTING, Fleet, PoolFleet
from autoscale.policy import Decision, Policy, PoolDecision

log = logging.getLogger(__name__)

# Rates are taken over this long: short enough to see a step at once, long enough to count something.
_RATE_S, _KEPT_S = 5.0, 30.0
_TTFT_S, _START_S, _TO_GO = 1.0, 60.0, 0.1
# So many times what is ready is too much, even before the policy inside has asked for more.
_PLAINLY = 1.5
SCARCE = frozenset({"gpus.max", "cost_ceiling_per_hour", "inventory"})


@dataclass(slots=True)
class _Pool:
    """What is remembered of one pool."""

    carries: Carries
    offered: Offered = field(default_factory=Offered)
    allowance: Allowance = field(default_factory=Allowance)


@dataclass(slots=True)
class BrownOut:
    """Show the inner policy the demand as it was meant, and move what its answer is too late for.

    The share is what must go so that the rest fits, inside what the first ready stand-in has to spare, ``max_share``
    and the day's allowance. It is worked out anew with every fleet, so it ends with the capacity that was missing.
    """

    inner: Policy
    spec: BrownOutSpec
    knees: KneeSource = analytic
    _pools: dict[str, _Pool] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict)
    _failures: Failures = field(default_factory=Failures)

    def decide(self, fleet: Fleet) -> Decision:
        """Answer for every pool, with the shares of those that are late."""
        known = involved(fleet)
        self._pools = {name: self._pools.get(name) or self._fresh() for name in known}
        counts = {name: self._see(name, pool, fleet.at_s) for name, pool in known.items() if pool.demand is not None}
        ratios = {name: self._pools[name].offered.ratio(_KEPT_S) for name in counts}
        decision = self.inner.decide(as_meant(fleet, counts, ratios))
        spare = dict.fromkeys(known, 1.0)
        pools, shares = dict(decision.pools), dict[str, float]()
        for name in sorted(known, key=lambda one: (-known[one].priority, one)):
            if known[name].stand_ins and name in pools and name in counts:
                with self._contained(name, *known[name].stand_ins):
                    pools[name], shares[name] = self._judged(name, fleet, pools[name], spare)
        self._shares = {name: share for name, share in shares.items() if share > 0}
        return replace(decision, pools=pools, brown_out={**decision.brown_out, **self._shares})

    @contextmanager
    def _contained(self, *names: str) -> Iterator[None]:
        """Let what one replica of these pools carries be learnt anew where it cannot be worked out."""
        try:
            yield
        except Exception:
            if self._failures.first("brown_out_failed", names[0]):
                log.exception("brown_out_failed pool=%s", names[0])
            for name in names:
                if name in self._pools:
                    self._pools[name].carries = Carries(self.knees)

    def _fresh(self) -> _Pool:
        return _Pool(carries=Carries(self.knees))

    def _see(self, name: str, pool: PoolFleet, at_s: float) -> Counts:
        assert pool.demand is not None  # noqa: S101 - only pools that gateways have told of come here
        known = self._pools[name]
        counts = known.offered.see(pool.demand, at_s, keep_s=_KEPT_S)
        known.allowance.see(at_s, counts.meant, counts.moved)
        with self._contained(name):
            known.carries.see(pool)
        return counts

    def _judged(
        self, name: str, fleet: Fleet, told: PoolDecision, spare: dict[str, float]
    ) -> tuple[PoolDecision, float]:
        """Return the decision on one pool with what is to be said of a brown-out, and its share."""
        pool, before = fleet.pools[name], self._shares.get(name, 0.0)
        if pool.blind:  # it may be late or not: what was decided in the light stands
            return told, before
        pressure = self._pressure(name, pool, fleet.at_s)
        if pressure is None or not _late(pool, told, pressure):
            return told, 0.0
        share = min(self.spec.max_share, wanted(pressure, self.spec, active=before > 0))
        if share <= 0:
            return told, 0.0
        stand_in = next((one for one in pool.stand_ins if one in fleet.pools and fleet.pools[one].ready), None)
        if stand_in is None:
            return _noted(told, pressure, 0.0, "no stand-in is ready"), 0.0
        room = self._room(stand_in, fleet, name, spare) / pressure.rate.rps if pressure.rate.rps > 0 else 1.0
        left = self._pools[name].allowance.left(fleet.at_s, self.spec.daily_share)
        if left <= 0:
            why = f"{100 * self.spec.daily_share:g} % of a day's requests were moved already"
            return _noted(told, pressure, 0.0, why), 0.0
        share = steady(max(0.0, min(share, room)), before)
        self._take(stand_in, fleet, name, share * pressure.rate.rps, spare)
        why = f"{stand_in} answers {100 * share:.0f} % meanwhile" if share else f"{stand_in} has nothing to spare"
        return _noted(told, pressure, share, why), share

    def _pressure(self, name: str, pool: PoolFleet, at_s: float) -> Pressure | None:
        known = self._pools[name]
        each_rps = known.carries.rps(pool)
        if each_rps is None:
            return None
        return Pressure(
            rate=known.offered.rate(_RATE_S),
            backlog=waiting(pool),
            ready_rps=pool.ready * each_rps,
            each_rps=each_rps,
            ttft_s=pool.slo.ttft_p95_s or _TTFT_S,
            coming=coming_s(pool, at_s),
        )

    def _room(self, stand_in: str, fleet: Fleet, name: str, spare: Mapping[str, float]) -> float:
        """Return how many requests per second, of those of pool *name*, the stand-in can take beside its own."""
        pool, known = fleet.pools[stand_in], self._pools[stand_in]
        own_rps = known.offered.rate(_RATE_S).rps if pool.demand is not None else 0.0
        carried = known.carries.rps(pool)
        used = own_rps / (carried * pool.ready) if carried else 0.0
        free = self.spec.spare - used - (1.0 - spare[stand_in])
        return max(0.0, free) * self._as_stand_in(stand_in, fleet, name)

    def _take(self, stand_in: str, fleet: Fleet, name: str, rps: float, spare: dict[str, float]) -> None:
        whole = self._as_stand_in(stand_in, fleet, name)
        spare[stand_in] -= rps / whole if whole > 0 else 0.0

    def _as_stand_in(self, stand_in: str, fleet: Fleet, name: str) -> float:
        pool = fleet.pools[stand_in]
        mix, slo = self._pools[name].carries.mix, fleet.pools[name].slo
        return pool.ready * self._pools[stand_in].carries.others_rps(pool, mix, slo)

    def remembered(self) -> Mapping[str, Any]:
        """Return what has been moved of the last day."""
        return {name: known.allowance.plain() for name, known in self._pools.items()}

    def recall(self, remembered: Mapping[str, Any]) -> None:
        """Go on with the day that an earlier instance has begun."""
        for name, plain in remembered.items():
            self._pools.setdefault(name, self._fresh()).allowance.take(plain["hours"], plain["began_s"])


def _late(pool: PoolFleet, told: PoolDecision, pressure: Pressure) -> bool:
    """Say whether capacity is missing: asked for and not there, not to be had, or plainly too little."""
    asked = told.replicas > pool.ready or told.binds in SCARCE or pool.ready >= pool.max_replicas
    return asked or pressure.rate.low_rps > _PLAINLY * pressure.ready_rps


def coming_s(pool: PoolFleet, at_s: float) -> list[float]:
    """Return in how many seconds each replica on its way will be ready, soonest first.

    One that is overdue has not come, so nobody knows when it will: a part of a start is always to go.
    """
    start_s = pool.profile.starts.median_s if pool.profile else _START_S
    asked_s = (one.requested_s or one.since_s for one in pool.replicas if one.stage in STARTING)
    return sorted(max(_TO_GO * start_s, when_s + start_s - at_s) for when_s in asked_s)


def waiting(pool: PoolFleet) -> float:
    """Return the requests in queues: of engines, and at gateways that found no engine with room."""
    loads = [replica.load for replica in pool.replicas if replica.load is not None]
    inside = sum(load.running + load.waiting for load in loads)
    outside = max(0, pool.demand.held - inside) if pool.demand is not None else 0
    return float(sum(load.waiting for load in loads) + outside)


def _noted(told: PoolDecision, pressure: Pressure, share: float, why: str) -> PoolDecision:
    numbers = {
        **told.numbers,
        "brown_out_share": share,
        "offered_rps": pressure.rate.rps,
        "ready_rps": pressure.ready_rps,
        "backlog_requests": pressure.backlog,
    }
    load = f"{pressure.rate.rps:.3g}/s come, {pressure.ready_rps:.3g}/s are ready"
    return replace(told, reason=f"{told.reason}; brown-out: {load}; {why}", numbers=numbers)
