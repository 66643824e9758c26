"""What peers' rules read of a pool, summed over the replicas that are ready."""

from __future__ import annotations

from collections.abc import Iterator

from autoscale.fleet import Load, PoolFleet


def loads(pool: PoolFleet) -> Iterator[tuple[str, Load]]:
    """Yield each ready replica whose load is known."""
    return ((one.replica, one.load) for one in pool.replicas if one.stage == "ready" and one.load is not None)


def waiting(pool: PoolFleet) -> float:
    """Count the requests in the engines' queues (vllm:num_requests_waiting)."""
    return float(sum(load.waiting for _, load in loads(pool)))


def running(pool: PoolFleet) -> float:
    """Count the requests in the engines' batches (vllm:num_requests_running)."""
    return float(sum(load.running for _, load in loads(pool)))


def ongoing(pool: PoolFleet) -> float:
    """Count the requests in engines and on their way there."""
    return float(pool.ongoing)


def kv_used(pool: PoolFleet) -> float:
    """Add up the shares of KV cache in use, so that the mean is this over the number of ready replicas."""
    return sum(load.kv_used for _, load in loads(pool))


def arrivals_per_s(pool: PoolFleet) -> float:
    """Return the arrival rate over the fleet's own window."""
    return pool.demand.arrival_rate if pool.demand else 0.0
