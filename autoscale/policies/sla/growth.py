"""When a pool grows: at once where it plainly must, else when that was so for a while."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Noise of a minute would be gone before a replica that was asked for because of it is there.
_FOR_S = 60.0
_PLAINLY = 1.1


@dataclass(slots=True)
class Growth:
    """Since when a little more has been needed."""

    _since_s: float = math.inf

    def waits(self, at_s: float, asked: int, need: float, backstop: int, target: int) -> bool:
        """Say whether *asked* replicas, more than the *target*, may still be noise; *need* is in parts of one."""
        if asked <= target:
            self._since_s = math.inf
            return False
        self._since_s = min(self._since_s, at_s)
        plainly = need > _PLAINLY * target or backstop > target or target == 0
        return not plainly and at_s - self._since_s < _FOR_S
