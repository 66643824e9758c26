"""Whether a replica carries what the capacity model says, by what came of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from autoscale.forecast.smoothing import gain

_MEMORY_S = 60.0
# Above this share of its capacity a pool is expected to be late now and then, and for so long afterwards.
_BUSY, _AFTER_S = 0.95, 300.0
_LATE = 0.01
# A queue that is too long counts like so many misses, so that only one that stays counts at all.
_QUEUED = 0.05
# The logarithm moves by so much a minute: down while requests are late and should not be, up while a pool that has work
# is far from late.
_DOWN_A_MINUTE, _UP_A_MINUTE = 0.05, 0.01
_LOWEST, _HIGHEST = math.log(0.6), 0.0
# Latencies up to the first share of their targets at the second share of capacity prove that there is more of it; the
# busier the pool, the closer they may be.
_FAR = ((0.25, 0.6), (0.5, 0.8), (0.75, 1.0))


@dataclass(slots=True)
class Belief:
    """A factor on the model's capacity: lowered while a pool that should not be busy is late, and slowly raised again
    while it is far from late.
    """

    logged: float = 0.0
    late: float = 0.0
    busy: float = 0.0
    busy_s: float = -math.inf

    @property
    def factor(self) -> float:
        """Return by what to multiply the model's capacity."""
        return math.exp(self.logged)

    def see(
        self, at_s: float, gap_s: float, *, utilization: float, missed_share: float, queued: bool, tightness: float
    ) -> None:
        """Take the share of capacity in use, the share of requests that missed, and if too many are queued.

        *tightness* is the highest of the latencies as a share of its target, infinite where that is not known.
        """
        share = gain(gap_s, _MEMORY_S)
        self.busy += share * (utilization - self.busy)
        self.late += share * (max(missed_share, _QUEUED * queued) - self.late)
        if max(self.busy, utilization) >= _BUSY:
            self.busy_s = at_s
        if self.late > _LATE and at_s - self.busy_s > _AFTER_S:
            self.logged -= _DOWN_A_MINUTE * gap_s / 60 * min(1.0, self.late / 0.05)
        elif self.late < _LATE / 5 and any(tightness <= near and self.busy >= work for near, work in _FAR):
            self.logged += _UP_A_MINUTE * gap_s / 60
        self.logged = min(_HIGHEST, max(_LOWEST, self.logged))

    def plain(self) -> dict[str, Any]:
        """Return what was learnt as plain JSON."""
        return {**asdict(self), "busy_s": max(self.busy_s, -1e18)}
