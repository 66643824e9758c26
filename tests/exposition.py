"""What one gateway's own series look like to a scraper."""

from __future__ import annotations

from deployments.telemetry.exposition import families, joined
from deployments.telemetry.metrics import Metrics


def exposition(metrics: Metrics) -> bytes:
    """Return what this process alone knows, under no process's name."""
    registries = (metrics.registry, metrics.fleet, metrics.gen_ai.registry)
    return joined([families(registry, "text") for registry in registries], "text")
