"""Give replicas up gently: first they are sent nothing more, and only then is Serve told to stop them.

What Serve has begun to stop does not come back, and a stream that outlives its drain is cut. A parked replica finishes
its streams without that deadline running, and takes requests again at once when they are needed after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from autoscale.controller.victims import Places, stopping_order
from autoscale.fleet import Fleet, PoolFleet, ReplicaFleet

PARK_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parked:
    since_s: float
    replicas: tuple[str, ...]


@dataclass(slots=True)
class Releases:
    """The parked replicas of each pool; after *limit_s* they are given up although they are still busy."""

    limit_s: float = PARK_LIMIT_S
    _parked: dict[str, _Parked] = field(default_factory=dict)

    def step(self, fleet: Fleet, wanted: Mapping[str, int], places: Places) -> dict[str, int]:
        """Return what Serve may be told of the sizes *wanted*: not yet the end of replicas that are busy."""
        self._parked = {name: kept for name, kept in self._parked.items() if name in wanted}
        return {name: self._step(name, fleet.pools[name], size, fleet.at_s, places) for name, size in wanted.items()}

    def parked(self, pool: str) -> tuple[str, ...]:
        """Return the replicas of *pool* that are sent nothing that another can take."""
        return self._parked[pool].replicas if pool in self._parked else ()

    def _step(self, name: str, pool: PoolFleet, wanted: int, now_s: float, places: Places) -> int:
        # Serve cancels what is on its way first, and at once, so that ready ones go only for the rest.
        surplus = pool.ready - wanted if wanted < pool.target else 0
        victims = stopping_order(pool.replicas, places)[: max(0, surplus)]
        if not victims:
            self._parked.pop(name, None)
            return wanted
        parked = self._park(name, tuple(one.replica for one in victims), now_s)
        if now_s - parked.since_s >= self.limit_s:
            return wanted
        return wanted + len(victims) - len(list(takewhile(_idle, victims)))

    def _park(self, name: str, replicas: tuple[str, ...], now_s: float) -> _Parked:
        before = self._parked.get(name)
        if before is None or not set(before.replicas) & set(replicas):
            before = _Parked(since_s=now_s, replicas=replicas)
        self._parked[name] = _Parked(since_s=before.since_s, replicas=replicas)
        return self._parked[name]


def _idle(replica: ReplicaFleet) -> bool:
    return replica.load is not None and not replica.load.running and not replica.load.waiting
