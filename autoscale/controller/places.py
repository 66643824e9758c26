"""Where the replicas of a pool are reached, by their own word."""

from __future__ import annotations

from autoscale.fleet import PoolFleet
from autoscale.heard import Reports
from deployments.signals import ReplicaPlace, ReplicaSignals


def places(pool: PoolFleet, reports: Reports) -> tuple[ReplicaPlace, ...]:
    """Return every replica that Serve counts to *pool* and that has told its address, as it last did."""
    heard = (reports.replicas.get(replica.replica) for replica in pool.replicas)
    latest = (reports_of_one[-1].signals for reports_of_one in heard if reports_of_one)
    return tuple(_place(signals) for signals in latest if signals.address)


def _place(signals: ReplicaSignals) -> ReplicaPlace:
    return ReplicaPlace(replica=signals.replica, address=signals.address, key=signals.key, adapters=signals.adapters)
