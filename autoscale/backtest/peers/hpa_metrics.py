"""The HPA on what an engine shows: requests running and queued, KV cache in use."""

from __future__ import annotations

from autoscale.backtest.peers.hpa import Hpa, Target
from autoscale.backtest.peers.readings import kv_used, ongoing


def hpa_on_ongoing(*, target: float = 2.0) -> Hpa:
    """Return an HPA that keeps *target* requests, running and queued, on each replica.

    Kubernetes has no default target; this is Ray Serve's.
    """
    return Hpa(targets=(Target(name="ongoing", total=ongoing, per_replica=target),))


def hpa_on_kv(*, target: float = 0.5) -> Hpa:
    """Return an HPA that keeps *target* of each replica's KV cache in use."""
    return Hpa(targets=(Target(name="kv", total=kv_used, per_replica=target),))
