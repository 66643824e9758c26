"""What a start of a pool's replica takes, and how long until the next one is ready."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoscale.fleet import STARTING, Fleet, PoolFleet
from autoscale.heard import Reports

# A start that is later than expected may end at any moment; nobody gains from being told "now" again and again.
LEAST_LEFT_SHARE = 0.1


@dataclass(slots=True)
class Startups:
    """The latest whole start of each pool, kept while it has no replica to ask."""

    _seconds: dict[str, float] = field(default_factory=dict)

    def see(self, fleet: Fleet) -> None:
        """Remember how long the youngest ready replicas took."""
        for name, pool in fleet.pools.items():
            known = [one for one in pool.replicas if one.stage == "ready" and one.startup_s]
            if known:
                self._seconds[name] = max(known, key=lambda one: one.since_s).startup_s or 0.0

    def cold_start_s(self, name: str, pool: PoolFleet) -> float | None:
        """Return what a start takes: as the last one did, else as was measured before; ``None`` where nobody knows."""
        measured = pool.profile.starts.median_s if pool.profile is not None else None
        return self._seconds.get(name, measured)

    def ready_in_s(self, name: str, pool: PoolFleet, now_s: float) -> float | None:
        """Estimate the time until one more replica is ready; from now where none is on its way."""
        whole_s = self.cold_start_s(name, pool)
        if whole_s is None:
            return None
        began = [one.requested_s for one in pool.replicas if one.stage in STARTING and one.requested_s]
        return max(LEAST_LEFT_SHARE * whole_s, whole_s - (now_s - min(began))) if began else whole_s

    @staticmethod
    def starting_for_s(pool: PoolFleet, now_s: float) -> float | None:
        """Return for how long the oldest replica on its way has been so; ``None`` where none is."""
        began = [one.requested_s for one in pool.replicas if one.stage in STARTING and one.requested_s]
        return max(0.0, now_s - min(began)) if began else None


def youngest(pool: PoolFleet, reports: Reports) -> tuple[tuple[str, float], ...]:
    """Return the stages of the latest start that has come to its end, in seconds; nothing where none has yet."""
    ready = [replica for replica in pool.replicas if replica.stage == "ready" and replica.replica in reports.replicas]
    if not ready:
        return ()
    latest = max(ready, key=lambda replica: replica.since_s or 0.0)
    return reports.replicas[latest.replica][-1].signals.startup
