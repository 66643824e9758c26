"""The series of the audit trail."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from deployments.telemetry.catalogue import governance

# What is counted from zero on: a counter that appears with its first event has not grown by it.
OUTCOMES = ("written", "late", "lost", "refused")


class AuditMeters:
    """Counts records of generations by what became of them; ``tercet_audit_up`` is 0 while they cannot be kept."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = governance.AUDIT_RECORDS.counter(registry)
        for outcome in OUTCOMES:
            self._records.labels(outcome)
        self._up = governance.AUDIT_UP.gauge(registry)
        self._up.set(1)
        self._commits = governance.AUDIT_COMMITS.histogram(registry)

    def audited(self, outcome: str, count: int) -> None:
        """Count records."""
        self._records.labels(outcome).inc(count)

    def audit_up(self, up: bool) -> None:
        """Set whether records can be kept."""
        self._up.set(1 if up else 0)

    def audit_commit(self, records: int, seconds: float) -> None:  # noqa: ARG002 - the counter has them
        """Observe one write."""
        self._commits.observe(seconds)
