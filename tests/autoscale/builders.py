"""Fleets, reports and signals with defaults; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autoscale.fleet import Demand, Fleet, Load, PoolFleet, ReplicaFleet, Slo
from autoscale.policy import Decision, PoolDecision
from deployments.signals import LATENCY_BOUNDS_S, GatewaySignals, Histogram, PoolDemand, ReplicaSignals, Stage

NOW_S = 1_000.0


def histogram(*values_s: float) -> Histogram:
    """Return the histogram of these values."""
    counts = tuple(sum(value <= bound for value in values_s) for bound in LATENCY_BOUNDS_S)
    return Histogram(counts=counts, total=len(values_s), sum_s=sum(values_s))


def replica(name: str = "r0", *, stage: Stage = "ready", since_s: float = 0.0, **load: Any) -> ReplicaFleet:
    """Return one replica that has been heard just now."""
    loaded = Load(**{"running": 0, "waiting": 0, "kv_used": 0.0, **load})
    return ReplicaFleet(replica=name, stage=stage, since_s=since_s, load=loaded, age_s=0.0)


def pool(
    *,
    ready: int = 1,
    starting: int = 0,
    running: int = 0,
    waiting: int = 0,
    ttft_p95_s: float | None = None,
    **given: Any,
) -> PoolFleet:
    """Return a pool with all its work on the first replica, and as many replicas as it should have."""
    replicas = [replica(f"r{index}") for index in range(ready)]
    if replicas:
        replicas[0] = replica("r0", running=running, waiting=waiting)
    replicas += [replica(f"s{index}", stage="loading") for index in range(starting)]
    defaults = {
        "min_replicas": 0,
        "max_replicas": 100,
        "target": ready + starting,
        "slots": 4,
        "slo": Slo(ttft_p95_s=ttft_p95_s),
        "replicas": tuple(replicas),
        "demand": Demand(),
        "ttft_window_s": 30.0,
    }
    return PoolFleet(**{**defaults, **given})


def fleet(at_s: float = NOW_S, **pools: PoolFleet) -> Fleet:
    """Return these pools at one moment."""
    return Fleet(at_s=at_s, pools=pools)


def replica_signals(name: str = "r0", *, at_s: float = NOW_S, stage: Stage = "ready", **given: Any) -> ReplicaSignals:
    """Return what a replica of the pool ``dense`` reports."""
    return ReplicaSignals(
        **{"pool": "dense", "replica": name, "at_s": at_s, "stage": stage, "stage_since_s": 0.0, **given}
    )


def gateway_signals(name: str = "g0", *, at_s: float = NOW_S, **pools: PoolDemand) -> GatewaySignals:
    """Return what a gateway reports."""
    return GatewaySignals(gateway=name, at_s=at_s, pools=pools)


class Scripted:
    """A policy that recommends the given numbers for every pool, one fleet after the other, then the last for ever."""

    def __init__(self, replicas: Sequence[int]) -> None:
        self._left = list(replicas)

    def decide(self, fleet: Fleet) -> Decision:
        """Give the next number."""
        replicas = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        return Decision(pools={name: PoolDecision(replicas=replicas, reason="scripted") for name in fleet.pools})
