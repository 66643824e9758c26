"""The demand that was meant for each pool, whoever answered it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from autoscale.fleet import Demand, Fleet, PoolFleet


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests until ``at_s``: meant for the pool, sent to it, and answered by a stand-in; all only grow."""

    at_s: float
    meant: int = 0
    sent: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second, with one standard deviation less, as of Poisson arrivals."""

    rps: float = 0.0
    low_rps: float = 0.0


@dataclass(slots=True)
class Offered:
    """What one pool was offered over the last seconds; told of one fleet after the other."""

    _seen: deque[Counts] = field(default_factory=deque)

    def see(self, demand: Demand, at_s: float, *, keep_s: float) -> Counts:
        """Take the counts of one fleet, and return them as counts that never shrink."""
        last = self._seen[-1] if self._seen else Counts(at_s)
        own = demand.arrivals_total - demand.stood_in_total
        now = Counts(
            at_s,
            # A request that is moved counts when its answer begins, after it was sent: the difference may lag a little.
            meant=max(last.meant, own + demand.moved_total),
            sent=max(last.sent, demand.arrivals_total),
            moved=max(last.moved, demand.moved_total),
        )
        self._seen.append(now)
        while len(self._seen) > 2 and self._seen[1].at_s <= at_s - keep_s:  # noqa: PLR2004 - the newest and one before
            self._seen.popleft()
        return now

    def rate(self, span_s: float) -> Rate:
        """Return the rate of requests meant for the pool over the last *span_s* seconds, as near as was looked."""
        began, newest = self._began(span_s), self._seen[-1]
        over_s, count = newest.at_s - began.at_s, newest.meant - began.meant
        return Rate(count / over_s, max(0.0, count - math.sqrt(count)) / over_s) if over_s > 0 else Rate()

    def ratio(self, span_s: float) -> float:
        """Return how many requests were meant for the pool for each that it was sent, lately."""
        began, newest = self._began(span_s), self._seen[-1]
        sent = newest.sent - began.sent
        return (newest.meant - began.meant) / sent if sent > 0 else 1.0

    def _began(self, span_s: float) -> Counts:
        newest = self._seen[-1]
        return next((one for one in reversed(self._seen) if one.at_s <= newest.at_s - span_s), self._seen[0])


def involved(fleet: Fleet) -> dict[str, PoolFleet]:
    """Return the pools that have stand-ins, and those that are some."""
    names = {name for name, pool in fleet.pools.items() if pool.stand_ins}
    names |= {stand_in for name in names for stand_in in fleet.pools[name].stand_ins}
    return {name: pool for name, pool in fleet.pools.items() if name in names}


def as_meant(fleet: Fleet, counts: Mapping[str, Counts], ratios: Mapping[str, float]) -> Fleet:
    """Return the fleet as it would be without a brown-out: each pool with all the demand that was meant for it.

    A policy that saw only what is left of it would give the replicas up that the others stand in for.
    """
    pools = dict(fleet.pools)
    for name, ratio in ratios.items():
        pool = pools[name]
        if pool.demand is not None and (pool.demand.moved_total or pool.demand.stood_in_total):
            demand = replace(
                pool.demand,
                arrivals_total=counts[name].meant,
                arrival_rate=pool.demand.arrival_rate * ratio,
                in_flight=max(pool.demand.held, round(pool.demand.in_flight * ratio)),
            )
            pools[name] = replace(pool, demand=demand)
    return replace(fleet, pools=pools)
