"""Counts that only grow, over senders that restart and vanish: what fleets carry from one to the next."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from deployments.signals import GatewaySignals, PoolDemand, ReplicaSignals
from deployments.totals import LengthTotals, gained, together

# Of prompts that a prefix cache was asked for: older ones count half as much with every so many newer ones.
CACHE_MEMORY_TOKENS = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTotals:
    """What gateways counted for one pool since the listener began to listen; ``classes`` counts arrivals by class."""

    arrivals: int = 0
    lengths: LengthTotals = field(default_factory=LengthTotals)
    judged: int = 0
    within: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)
    moved: int = 0
    stood_in: int = 0


@dataclass(slots=True)
class _Cache:
    """Prompt tokens that one pool's prefix caches were asked for, and had."""

    queries: float = 0.0
    hits: float = 0.0

    def add(self, queries: int, hits: int) -> None:
        if self.queries > CACHE_MEMORY_TOKENS:
            self.queries, self.hits = self.queries / 2, self.hits / 2
        self.queries, self.hits = self.queries + queries, self.hits + hits

    @property
    def share(self) -> float:
        return min(1.0, self.hits / self.queries) if self.queries > 0 else 0.0


@dataclass(slots=True)
class RunningTotals:
    """Adds up what each sender counted since its last report; a sender's first report is where its counting begins.

    So a listener that starts anew does not take a whole history for what has just happened. What a restarted sender
    counts from zero again is all new.
    """

    _gateways: dict[str, Mapping[str, PoolDemand]] = field(default_factory=dict)
    _replicas: dict[str, tuple[int, int]] = field(default_factory=dict)
    _caches: dict[str, _Cache] = field(default_factory=dict)
    _pools: dict[str, PoolTotals] = field(default_factory=dict)

    def hear_gateway(self, signals: GatewaySignals) -> None:
        """Add what a gateway counted."""
        before = self._gateways.get(signals.gateway)
        self._gateways[signals.gateway] = signals.pools
        if before is not None:
            for name, demand in signals.pools.items():
                self._add(name, demand, before.get(name, PoolDemand()))

    def hear_replica(self, signals: ReplicaSignals) -> None:
        """Add what a replica's prefix cache was asked for and had."""
        told = signals.prefix_queries_total, signals.prefix_hits_total
        queries, hits = self._replicas.get(signals.replica, (0, 0))
        self._replicas[signals.replica] = told
        if told[0] > queries and told[1] >= hits:
            self._caches.setdefault(signals.pool, _Cache()).add(told[0] - queries, told[1] - hits)

    def keep_only(self, gateways: Container[str], replicas: Container[str]) -> None:
        """Forget senders that are gone, and nothing that they counted."""
        self._gateways = {name: told for name, told in self._gateways.items() if name in gateways}
        self._replicas = {name: told for name, told in self._replicas.items() if name in replicas}

    def read(self) -> Mapping[str, PoolTotals]:
        """Return the totals by pool; a view, good until the next report."""
        return self._pools

    def _add(self, name: str, new: PoolDemand, old: PoolDemand) -> None:
        if new.arrivals_total < old.arrivals_total:  # the gateway has restarted under its old name
            old = PoolDemand()
        held = self._pools.get(name, PoolTotals())
        lengths = gained(new.lengths, old.lengths)
        cached = lengths.prompt_tokens * self._caches[name].share if name in self._caches else 0.0
        self._pools[name] = PoolTotals(
            arrivals=held.arrivals + new.arrivals_total - old.arrivals_total,
            lengths=together(held.lengths, replace(lengths, cached_tokens=cached)),
            judged=held.judged + max(0, new.judged_total - old.judged_total),
            within=held.within + max(0, new.within_total - old.within_total),
            classes=_classes(held.classes, new, old),
            moved=held.moved + max(0, new.moved_total - old.moved_total),
            stood_in=held.stood_in + max(0, new.stood_in_total - old.stood_in_total),
        )


def _classes(held: Mapping[str, int], new: PoolDemand, old: PoolDemand) -> Mapping[str, int]:
    added = dict(held)
    for name, told in new.classes.items():
        before = old.classes[name].arrivals_total if name in old.classes else 0
        added[name] = added.get(name, 0) + max(0, told.arrivals_total - before)
    return added
