"""The series of a graph's layers: coalescing, merging and admission."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_WAIT_BOUNDS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class GraphMeters:
    """Counts what layers tell; ``group`` is an admission class."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._coalesced = Counter(
            "tercet_coalesced_requests", "Requests that could share a generation.", ["node", "role"], registry=registry
        )
        self._merged = Counter(
            "tercet_batched_requests", "Requests that went out in a merged call.", ["node"], registry=registry
        )
        self._calls = Counter("tercet_batched_calls", "Merged calls.", ["node"], registry=registry)
        self._cached = Counter(
            "tercet_cache_requests", "Requests by what a cache had for them.", ["node", "outcome"], registry=registry
        )
        self._store = Counter(
            "tercet_cache_store_calls",
            "Calls to the second level of the answer cache.",
            ["operation", "outcome"],
            registry=registry,
        )
        self._screened = Counter(
            "tercet_screened",
            "What guards and redactions found, by what they did.",
            ["node", "found", "action"],
            registry=registry,
        )
        self._waited = Histogram(
            "tercet_admission_wait_seconds",
            "How long requests waited to be admitted.",
            ["node", "group"],
            buckets=_WAIT_BOUNDS_S,
            registry=registry,
        )
        self._refused = Counter(
            "tercet_admission_refusals", "Requests that were not admitted.", ["node", "group", "reason"],
            registry=registry,
        )  # fmt: skip
        self._waiting = Gauge("tercet_admission_waiting", "Requests that wait.", ["node"], registry=registry)
        self._running = Gauge("tercet_admission_running", "Requests let in.", ["node"], registry=registry)

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
