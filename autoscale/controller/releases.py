"""Give replicas up gently: first they are sent nothing more, and only then is Serve told to stop them.

What Serve has begun to stop does not come back, and a stream that outlives its drain is cut. A parked replica finishes
its streams without that deadline running, and takes requests again at once when they are needed after all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from autoscale.controller.victims import Places, stopping_order
from autoscale.fleet import Fleet, PoolFleet, ReplicaFleet

PARK_LIMIT_S = 60.0
# Two heartbeats: with one the gateways hear of the parking, and with another the replica tells what they had sent it.
SETTLED_S = 2.0


@dataclass(slots=True)
class Releases:
    """The parked replicas of each pool, each since when; after *limit_s* one is given up although it is still busy."""

    limit_s: float = PARK_LIMIT_S
    _parked: dict[str, dict[str, float]] = field(default_factory=dict)

    def step(self, fleet: Fleet, wanted: Mapping[str, int], places: Places) -> dict[str, int]:
        """Return what Serve may be told of the sizes *wanted*: not yet the end of replicas that are busy."""
        self._parked = {name: kept for name, kept in self._parked.items() if name in wanted}
        return {name: self._step(name, fleet.pools[name], size, fleet.at_s, places) for name, size in wanted.items()}

    def parked(self, pool: str) -> tuple[str, ...]:
        """Return the replicas of *pool* that are sent nothing that another can take."""
        return tuple(self._parked.get(pool, ()))

    def _step(self, name: str, pool: PoolFleet, wanted: int, now_s: float, places: Places) -> int:
        # Serve cancels what is on its way first, and at once, so that ready ones go only for the rest.
        surplus = pool.ready - wanted if wanted < pool.target else 0
        ready = stopping_order(pool.replicas, places)
        victims = ready[: max(0, surplus)]
        spared = {one.replica for one in ready[len(victims) :]}
        since_s = _since(self._parked.pop(name, {}), [one.replica for one in victims], spared, now_s)
        if victims:
            self._parked[name] = since_s
        gone = takewhile(lambda one: self._may_go(one, since_s[one.replica], now_s), victims)
        return wanted + len(victims) - len(list(gone))

    def _may_go(self, replica: ReplicaFleet, since_s: float, now_s: float) -> bool:
        return now_s - since_s >= self.limit_s or _idle(replica, since_s + SETTLED_S, now_s)


def _since(
    before: Mapping[str, float], replicas: Sequence[str], spared: Collection[str], now_s: float
) -> dict[str, float]:
    """Return since when each is parked.

    Serve's order may change from one of equals to another: who only takes the place of one that is *spared* now has no
    whole time of its own, or parking might never end.
    """
    left = [since_s for replica, since_s in before.items() if replica in spared]
    fresh_s = min(left) if left and len(replicas) <= len(before) else now_s
    return {replica: before.get(replica, fresh_s) for replica in replicas}


def _idle(replica: ReplicaFleet, at_s: float, now_s: float) -> bool:
    """Say whether a report of *at_s* or later tells of no work."""
    load, age_s = replica.load, replica.age_s
    return load is not None and age_s is not None and now_s - age_s >= at_s and not load.running and not load.waiting
