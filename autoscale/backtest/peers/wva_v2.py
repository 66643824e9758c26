"""llm-d's Workload Variant Autoscaler, second saturation analyser (llm-d @b08b1c77, ``saturation_v2``)."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import fmean, median

from autoscale.backtest.peers.lengths import RecentLengths
from autoscale.backtest.peers.readings import loads
from autoscale.backtest.trailing import Trailing
from autoscale.fleet import Load, PoolFleet
from autoscale.policy import PoolDecision, hold

_KV_SHARE = 0.80
_SATURATED_QUEUE = 5
_KEPT = 10
_SHORT, _MEDIUM = 100, 500


@dataclass(slots=True, kw_only=True)
class WvaV2:
    """Tokens in use and queued against what each replica can hold: by KV cache, or by what it held when it queued.

    An HPA downstream lets numbers fall only to the highest of the last ``stabilization_s``.
    """

    up_share: float = 0.85
    down_share: float = 0.70
    stabilization_s: float = 300.0
    interval_s: float = 60.0
    _lengths: RecentLengths = field(default_factory=RecentLengths)
    _saturated: dict[str, deque[float]] = field(default_factory=dict)
    _asked: Trailing = field(init=False)

    def __post_init__(self) -> None:
        self._asked = Trailing(self.stabilization_s)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Follow the mean lengths."""
        self._lengths.see(pool, at_s)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from every ready replica's tokens."""
        known = [load for _, load in loads(pool)]
        if not known or not pool.limits.kv_tokens:
            return hold(pool, "no replica heard, or the size of its KV cache unknown")
        demand = sum(self._in_use(pool, load) + load.waiting * self._lengths.prompt for load in known)
        capacity = median(self._capacity(pool, load) for load in known)
        asked = self._asked_for(pool, demand, capacity)
        self._asked.add(at_s, asked)
        replicas = asked if asked >= pool.target else min(pool.target, int(self._asked.highest))
        return PoolDecision(replicas=replicas, reason=f"{demand:.0f} tokens, {capacity:.0f} each, {pool.ready} ready")

    def _asked_for(self, pool: PoolFleet, demand: float, capacity: float) -> int:
        required = demand / self.up_share - (pool.ready + pool.starting) * capacity
        spare = pool.ready * capacity - demand / self.down_share
        if required > 0:
            return pool.target + math.ceil(required / capacity)
        return pool.target - max(0, math.floor(spare / capacity))

    def _capacity(self, pool: PoolFleet, load: Load) -> float:
        by_memory = _KV_SHARE * pool.limits.kv_tokens
        return max(1.0, min(by_memory, self._by_compute(pool, load, by_memory)))

    def _by_compute(self, pool: PoolFleet, load: Load, by_memory: float) -> float:
        kept = self._saturated.setdefault(self._bucket(), deque(maxlen=_KEPT))
        if load.waiting >= _SATURATED_QUEUE:
            kept.append(self._in_use(pool, load))
            return kept[-1]
        if kept:
            return fmean(kept)
        prompt, output = self._lengths.prompt, self._lengths.output
        if not (prompt and output and pool.limits.batched_tokens):
            return by_memory
        most = pool.limits.slots or math.inf
        return min(pool.limits.batched_tokens * output / (prompt + output), most) * (prompt + output / 2)

    def _in_use(self, pool: PoolFleet, load: Load) -> float:
        return load.kv_used * pool.limits.kv_tokens

    def _bucket(self) -> str:
        output = self._lengths.output
        return "short" if output < _SHORT else "medium" if output < _MEDIUM else "long"
