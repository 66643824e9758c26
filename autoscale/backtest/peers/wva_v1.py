"""llm-d's Workload Variant Autoscaler, first analyser (llm-d @b08b1c77)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autoscale.backtest.peers.readings import loads
from autoscale.backtest.trailing import Trailing
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision, hold

_WORST_S = 60.0


@dataclass(slots=True)
class _Worst:
    """One replica's worst KV use and queue of the last minute."""

    kv: Trailing = field(default_factory=lambda: Trailing(_WORST_S))
    queue: Trailing = field(default_factory=lambda: Trailing(_WORST_S))


@dataclass(slots=True, kw_only=True)
class WvaV1:
    """One replica more when the spare KV or queue of unsaturated replicas runs out, one less when it would not."""

    kv_limit: float = 0.80
    queue_limit: float = 5.0
    kv_spare: float = 0.10
    queue_spare: float = 3.0
    interval_s: float = 60.0
    _worst: dict[str, _Worst] = field(default_factory=dict)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Sample each ready replica."""
        known = dict(loads(pool))
        self._worst = {name: self._worst.get(name) or _Worst() for name in known}
        for name, load in known.items():
            self._worst[name].kv.add(at_s, load.kv_used)
            self._worst[name].queue.add(at_s, load.waiting)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:  # noqa: ARG002  # a rule is told the time
        """Answer, unless a change is under way or a replica is silent."""
        if pool.ready != pool.target or len(self._worst) != pool.ready:
            return hold(pool, f"{pool.ready} of {pool.target} ready, {len(self._worst)} heard")
        spare = [
            (self.kv_limit - one.kv.highest, self.queue_limit - one.queue.highest)
            for one in self._worst.values()
            if one.kv.highest < self.kv_limit and one.queue.highest < self.queue_limit
        ]
        kv, queue = _mean([kv for kv, _ in spare]), _mean([queue for _, queue in spare])
        why = f"spare kv {kv:.2f}, spare queue {queue:.1f}, {len(spare)} of {pool.ready} unsaturated"
        if kv < self.kv_spare or queue < self.queue_spare:
            return PoolDecision(replicas=pool.target + 1, reason=why)
        if self._fits_without_one(kv, queue, len(spare)):
            return PoolDecision(replicas=max(1, pool.target - 1), reason=why)
        return PoolDecision(replicas=pool.target, reason=why)

    def _fits_without_one(self, spare_kv: float, spare_queue: float, m: int) -> bool:
        if m < 2:  # noqa: PLR2004  # the last one has nobody to leave its load to
            return False
        grown = m / (m - 1)
        kv = self.kv_limit - (self.kv_limit - spare_kv) * grown
        queue = self.queue_limit - (self.queue_limit - spare_queue) * grown
        return kv >= self.kv_spare and queue >= self.queue_spare


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
