"""When a replica that is not needed now goes: once it will be idle for longer than a new one takes to start."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

_DAY_S = 86_400.0
# Each reversal of the last day beyond these stretches the wait by a third of it, to four times at most.
_QUIET, _STRETCH, _MOST = 3, 3.0, 4.0
# So much of a replica must be free besides the one that goes.
_SLACK = 0.3
# What was not needed for the shortest wait may go however the pool swings, up to so many and this share of the rest.
_STAY, _STAY_SHARE = 1.0, 0.1


@dataclass(slots=True)
class Release:
    """The needs of the last while, and the turns from growing to shrinking and back that were made of them.

    What has not been needed for ``at_least_s`` seconds may go, and for a whole start where that takes longer.
    """

    at_least_s: float = 900.0
    _needs: deque[tuple[float, float]] = field(default_factory=deque)
    _turns: deque[float] = field(default_factory=deque)
    _direction: int = 0
    _grown_s: float = -math.inf
    _target: int | None = None

    def wait_s(self, at_s: float, start_s: float) -> float:
        """Return for how long a replica must not have been needed: a start, and longer where the pool swings."""
        while self._turns and self._turns[0] <= at_s - _DAY_S:
            self._turns.popleft()
        stretch = 1 + max(0, len(self._turns) - _QUIET) / _STRETCH
        return max(self.at_least_s, start_s) * min(_MOST, stretch)

    def see(self, at_s: float, need: float, target: int, wait_s: float, start_s: float) -> float:
        """Take the need now, in replicas and parts of one, and return what to keep of it for *wait_s* seconds.

        That is the highest, less what was needed only before the last start's time.
        """
        self._follow(at_s, target)
        if not self._needs:  # whatever the pool has now, somebody has wanted
            self._needs.append((at_s, float(target)))
        while self._needs and self._needs[-1][1] <= need:
            self._needs.pop()
        self._needs.append((at_s, need))
        while self._needs[0][0] < at_s - wait_s:
            self._needs.popleft()
        lately = next(one for when_s, one in self._needs if when_s >= at_s - max(self.at_least_s, start_s))
        return min(self._needs[0][1], lately * (1 + _STAY_SHARE) + _STAY)

    def kept(self, highest: float, at_s: float, start_s: float, target: int) -> int:
        """Return how many replicas to keep of *target*."""
        if at_s - self._grown_s < start_s:
            return target
        return min(target, max(0, math.ceil(highest + (_SLACK if highest > 0 else 0.0) - 1e-9)))

    def _follow(self, at_s: float, target: int) -> None:
        """Note how the target has changed since the last fleet, whoever has changed it."""
        if self._target is not None and target != self._target:
            direction = 1 if target > self._target else -1
            if self._direction == -direction:
                self._turns.append(at_s)
            self._direction = direction
            if direction == 1:
                self._grown_s = at_s
        self._target = target
