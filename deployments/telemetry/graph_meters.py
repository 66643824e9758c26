"""The series of a graph's layers: coalescing, merging and admission."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from deployments.telemetry.catalogue import governance, graph


class GraphMeters:
    """Counts what layers tell; ``group`` is an admission class."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._coalesced = graph.COALESCED.counter(registry)
        self._merged = graph.BATCHED.counter(registry)
        self._calls = graph.BATCHES.counter(registry)
        self._cached = graph.CACHED.counter(registry)
        self._store = graph.CACHE_STORE.counter(registry)
        self._screened = governance.SCREENED.counter(registry)
        self._waited = graph.ADMISSION_WAIT.histogram(registry)
        self._refused = graph.ADMISSION_REFUSALS.counter(registry)
        self._waiting = graph.ADMISSION_WAITING.gauge(registry)
        self._running = graph.ADMISSION_RUNNING.gauge(registry)

    def coalesced(self, node: str, role: str) -> None:
        """Count a request that began a shared generation or joined one."""
        self._coalesced.labels(node, role).inc()

    def merged(self, node: str, requests: int) -> None:
        """Count one merged call."""
        self._merged.labels(node).inc(requests)
        self._calls.labels(node).inc()

    def cached(self, node: str, outcome: str) -> None:
        """Count what a cache had."""
        self._cached.labels(node, outcome).inc()

    def answer_store(self, operation: str, outcome: str) -> None:
        """Count one call to the answer cache's second level."""
        self._store.labels(operation, outcome).inc()

    def screened(self, node: str, found: str, action: str) -> None:
        """Count what was found."""
        self._screened.labels(node, found, action).inc()

    def admitted(self, node: str, group: str, waited_s: float) -> None:
        """Observe a wait."""
        self._waited.labels(node, group).observe(waited_s)

    def refused(self, node: str, group: str, reason: str) -> None:
        """Count a refusal."""
        self._refused.labels(node, group, reason).inc()

    def queue(self, node: str, waiting: int, running: int) -> None:
        """Set both gauges."""
        self._waiting.labels(node).set(waiting)
        self._running.labels(node).set(running)
