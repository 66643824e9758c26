"""Knative's pod autoscaler (knative/serving @98e5ef90)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autoscale.backtest.trailing import Trailing
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision

_MOST_UP = 1000
_MOST_DOWN = 2
_PANIC_THRESHOLD = 2.0


@dataclass(slots=True, kw_only=True)
class Knative:
    """Follow mean concurrency over 60 s; over 6 s while that asks for twice what is ready, and then never down."""

    target: float = 70.0
    stable_s: float = 60.0
    panic_s: float = 6.0
    scale_down_delay_s: float = 0.0
    interval_s: float = 2.0
    _concurrency: Trailing = field(init=False)
    _delayed: Trailing = field(init=False)
    _panic_since_s: float | None = None
    _panic_most: int = 0
    _begun: bool = False

    def __post_init__(self) -> None:
        self._concurrency = Trailing(self.stable_s)
        self._delayed = Trailing(self.scale_down_delay_s)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Sample the requests that are open."""
        self._concurrency.add(at_s, pool.ongoing)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from both windows."""
        ready = max(1, pool.ready)
        stable = self._clamped(self._concurrency.mean, ready)
        short = self._concurrency.mean_since(at_s - self.panic_s)
        panic = self._clamped(short, ready)
        self._mode(over=self._pods(short) / ready >= _PANIC_THRESHOLD, ready=pool.ready, at_s=at_s)
        why = f"{self._concurrency.mean:.1f} open over {self.stable_s:g}s, {short:.1f} over {self.panic_s:g}s"
        if self._panic_since_s is not None:
            self._panic_most = max(self._panic_most, stable, panic)
            return PoolDecision(replicas=self._panic_most, reason=f"panic: {why}")
        self._delayed.add(at_s, stable)
        return PoolDecision(replicas=int(self._delayed.highest), reason=why)

    def _mode(self, *, over: bool, ready: int, at_s: float) -> None:
        if not self._begun:  # history was lost, so the present scale is defended for one window
            self._begun, self._panic_since_s, self._panic_most = True, at_s, ready
        if over:
            if self._panic_since_s is None:
                self._panic_most = 0
            self._panic_since_s = at_s
        elif self._panic_since_s is not None and at_s - self._panic_since_s >= self.stable_s:
            self._panic_since_s = None

    def _pods(self, concurrency: float) -> int:
        return math.ceil(concurrency / self.target - 1e-9)

    def _clamped(self, concurrency: float, ready: int) -> int:
        return max(ready // _MOST_DOWN, min(_MOST_UP * ready, self._pods(concurrency)))
