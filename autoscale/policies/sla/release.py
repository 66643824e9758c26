"""When a replica that is not needed now goes: once it will be idle for longer than a new one takes to start."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

# Demand comes in spells: whoever shrinks soon after growing grows again. For so many times as long as a replica must
# not have been needed, only what is plainly too much goes: more than this share above the need.
_SETTLED, _PLAINLY = 6.0, 0.2


@dataclass(slots=True)
class Release:
    """The needs of the last while, and when the pool last grew.

    What has not been needed for ``at_least_s`` seconds may go, and for a whole start where that takes longer.
    """

    at_least_s: float = 900.0
    _needs: deque[tuple[float, float]] = field(default_factory=deque)
    _grown_s: float = -math.inf
    _target: int | None = None

    def wait_s(self, start_s: float) -> float:
        """Return for how long a replica must not have been needed."""
        return max(self.at_least_s, start_s)

    def see(self, at_s: float, need: float, target: int, wait_s: float) -> float:
        """Take the need now, in replicas and parts of one, and return the highest of the last *wait_s* seconds."""
        if self._target is not None and target > self._target:
            self._grown_s = at_s
        self._target = target
        if not self._needs:  # whatever the pool has now, somebody has wanted
            self._needs.append((at_s, float(target)))
        while self._needs and self._needs[-1][1] <= need:
            self._needs.pop()
        self._needs.append((at_s, need))
        while self._needs[0][0] < at_s - wait_s:
            self._needs.popleft()
        return self._needs[0][1]

    def kept(self, highest: float, at_s: float, start_s: float, target: int) -> int:
        """Return how many replicas to keep of *target*."""
        if at_s - self._grown_s < start_s:
            return target
        if at_s - self._grown_s < _SETTLED * self.wait_s(start_s):
            highest *= 1 + _PLAINLY
        return min(target, max(0, math.ceil(highest - 1e-9)))
