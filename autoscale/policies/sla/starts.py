"""How long a replica takes from being asked for to being ready, by what was seen of this pool."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from autoscale.capacity.profile import StartTimes
from autoscale.fleet import STARTING, PoolFleet, ReplicaFleet

_LAST = 32
_NINE_TENTHS = 1.2816
# A profile, or the assumption where there is none, counts like so many starts.
_PRIOR = 2
_ASSUMED = StartTimes()


@dataclass(slots=True)
class Starts:
    """The last start-up times, each replica counted once."""

    _seen: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=_LAST))
    _p90_s: tuple[StartTimes, float] | None = None

    def see(self, replicas: Iterable[ReplicaFleet]) -> None:
        """Take the replicas that have become ready."""
        known = {name for name, _ in self._seen}
        for one in replicas:
            if one.stage == "ready" and one.startup_s and one.replica not in known:
                self._seen.append((one.replica, one.startup_s))
                self._p90_s = None

    def p90_s(self, pool: PoolFleet) -> float:
        """Return what nine of ten starts stay under: the mean and spread of logarithms, of a few assumed ones too."""
        prior = pool.profile.starts if pool.profile else _ASSUMED
        if self._p90_s is None or self._p90_s[0] != prior:
            self._p90_s = prior, self._worked_out_s(prior)
        return self._p90_s[1]

    def _worked_out_s(self, prior: StartTimes) -> float:
        logs = [math.log(max(0.1, took_s)) for _, took_s in self._seen]
        middle = math.log(prior.median_s)
        count = len(logs) + _PRIOR
        mean = (sum(logs) + _PRIOR * middle) / count
        spread = (sum((one - mean) ** 2 for one in logs) + _PRIOR * (prior.sigma**2 + (middle - mean) ** 2)) / count
        return math.exp(mean + _NINE_TENTHS * math.sqrt(spread))


def arrivals_s(pool: PoolFleet, at_s: float, start_s: float) -> list[float]:
    """Return in how many seconds each replica that is on its way will be ready, soonest first; overdue ones at once."""
    return sorted(
        max(0.0, (one.requested_s or one.since_s) + start_s - at_s) for one in pool.replicas if one.stage in STARTING
    )
