"""Ray Serve's default autoscaling policy (ray 2.60.0 ``serve/autoscaling_policy.py``)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autoscale.backtest.trailing import Trailing
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision

_Direction = int


@dataclass(slots=True, kw_only=True)
class RayServe:
    """desired = total ongoing / target_ongoing_requests, applied once the same direction has held without a break."""

    target_ongoing_requests: float = 2.0
    upscale_delay_s: float = 30.0
    downscale_delay_s: float = 600.0
    factor: float = 1.0
    look_back_s: float = 30.0
    interval_s: float = 0.0
    _ongoing: Trailing = field(init=False)
    _since_s: float = 0.0
    _direction: _Direction = 0

    def __post_init__(self) -> None:
        self._ongoing = Trailing(self.look_back_s)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Sample the requests that are running and queued."""
        self._ongoing.add(at_s, pool.ongoing)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from the mean over the look-back."""
        total, n = self._ongoing.mean, pool.ready
        why = f"{total:.1f} ongoing, {self.target_ongoing_requests:g} wanted each, {n} ready"
        if n == 0:
            least = math.ceil(self.factor) if total > 0 else 0
            return PoolDecision(replicas=max(least, pool.target), reason=why)
        wanted = max(pool.min_replicas, min(pool.max_replicas, self._desired(n, total)))
        return PoolDecision(replicas=wanted if self._held(wanted - pool.target, at_s) else pool.target, reason=why)

    def _desired(self, n: int, total: float) -> int:
        plain = total / self.target_ongoing_requests
        desired = math.ceil(n + self.factor * (plain - n) - 1e-9)
        blocked = desired == n and math.ceil(plain - 1e-9) < n
        return desired - 1 if blocked else desired

    def _held(self, step: int, at_s: float) -> bool:
        """Tell whether this direction has been wanted for its whole delay; acting on it starts the wait anew."""
        direction = (step > 0) - (step < 0)
        if direction != self._direction:
            self._direction, self._since_s = direction, at_s
        delay_s = self.upscale_delay_s if direction > 0 else self.downscale_delay_s
        held = bool(direction) and at_s - self._since_s >= delay_s
        if held:
            self._direction = 0
        return held
