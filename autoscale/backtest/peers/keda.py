"""KEDA on vLLM's queue, and llm-d's KEDA triggers; KEDA drives an HPA."""

from __future__ import annotations

from autoscale.backtest.peers.hpa import Hpa, Target
from autoscale.backtest.peers.readings import kv_used, running, waiting


def keda(*, target: float = 5.0) -> Hpa:
    """Return ceil(sum(waiting) / *target*), the query with its ``sum()``, polled every 15 s."""
    return Hpa(targets=(Target(name="waiting", total=waiting, per_replica=target),))


def epp_keda(*, running_each: float = 16.0, kv_share: float = 0.6, queued_each: float = 30.0) -> Hpa:
    """Return the most of llm-d's triggers: requests in a batch, KV cache in use, queue.

    The flow control's saturation of 0.7 is a signal of llm-d's own router; its earlier KV and queue triggers stand in.
    """
    return Hpa(
        targets=(
            Target(name="running", total=running, per_replica=running_each),
            Target(name="kv", total=kv_used, per_replica=kv_share),
            Target(name="waiting", total=waiting, per_replica=queued_each),
        )
    )
