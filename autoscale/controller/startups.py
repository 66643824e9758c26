"""How long the youngest ready replica of a pool took to start."""

from __future__ import annotations

from autoscale.fleet import PoolFleet
from autoscale.heard import Reports


def youngest(pool: PoolFleet, reports: Reports) -> tuple[tuple[str, float], ...]:
    """Return the stages of the latest start that has come to its end, in seconds; nothing where none has yet."""
    ready = [replica for replica in pool.replicas if replica.stage == "ready" and replica.replica in reports.replicas]
    if not ready:
        return ()
    latest = max(ready, key=lambda replica: replica.since_s or 0.0)
    return reports.replicas[latest.replica][-1].signals.startup
