"""AIBrix's APA and KPA (vllm-project/aibrix @e3e10f9e)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autoscale.backtest.peers.readings import kv_used
from autoscale.backtest.trailing import Trailing
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision

TOLERANCE = 0.1
_DOWN_WINDOW_S = 300.0
_PANIC_THRESHOLD = 2.0


def _mean_kv(pool: PoolFleet) -> float:
    return kv_used(pool) / pool.ready if pool.ready else 0.0


@dataclass(slots=True)
class _Lowest:
    """Go up at once and down to the *lowest* answer of the last 300 s, where HPA takes the highest."""

    _asked: Trailing = field(default_factory=lambda: Trailing(_DOWN_WINDOW_S))

    def of(self, pool: PoolFleet, asked: int, at_s: float) -> int:
        self._asked.add(at_s, asked)
        return asked if asked >= pool.target else int(self._asked.lowest)


@dataclass(slots=True, kw_only=True)
class Apa:
    """Follow the mean KV use over 180 s outside a band of 10 % around the target, by at most a factor of two."""

    target: float = 0.5
    window_s: float = 180.0
    interval_s: float = 10.0
    _metric: Trailing = field(init=False)
    _down: _Lowest = field(default_factory=_Lowest)

    def __post_init__(self) -> None:
        self._metric = Trailing(self.window_s)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Sample the mean KV use of ready replicas."""
        self._metric.add(at_s, _mean_kv(pool))

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from the window's mean."""
        n, ratio = pool.ready, self._metric.mean / self.target
        wanted = math.ceil(n * ratio - 1e-9)
        if ratio > 1 + TOLERANCE:
            asked = min(wanted, 2 * n)
        elif ratio < 1 - TOLERANCE:
            asked = max(wanted, n // 2)
        else:
            asked = pool.target
        why = f"kv {self._metric.mean:.2f} over {self.window_s:g}s, target {self.target:g}, {n} ready"
        return PoolDecision(replicas=self._down.of(pool, asked, at_s), reason=why)


@dataclass(slots=True, kw_only=True)
class Kpa:
    """Follow the mean KV use over 180 s; the higher of that and the one over 60 s in a panic.

    As written there, the mean of replicas is divided by the target and not multiplied by their number; *restored* does
    multiply. What it remembers of a panic changes nothing, and is left out.
    """

    target: float = 0.5
    restored: bool = False
    stable_s: float = 180.0
    panic_s: float = 60.0
    interval_s: float = 10.0
    _metric: Trailing = field(init=False)
    _down: _Lowest = field(default_factory=_Lowest)

    def __post_init__(self) -> None:
        self._metric = Trailing(self.stable_s)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Sample the mean KV use of ready replicas."""
        self._metric.add(at_s, _mean_kv(pool))

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from both windows."""
        stable, panic, n = self._metric.mean, self._metric.mean_since(at_s - self.panic_s), pool.ready
        asked = self._pods(stable, n)
        if stable <= 0 or panic / stable > _PANIC_THRESHOLD:
            asked = max(asked, self._pods(panic, n))
        asked = max(n // 2, min(max(1, 2 * n), asked))
        why = f"kv {stable:.2f} over {self.stable_s:g}s, {panic:.2f} over {self.panic_s:g}s, {n} ready"
        return PoolDecision(replicas=self._down.of(pool, asked, at_s), reason=why)

    def _pods(self, metric: float, n: int) -> int:
        ratio = metric / self.target
        if abs(ratio - 1) <= TOLERANCE:
            return n
        return math.ceil((n if self.restored else 1) * ratio - 1e-9)
