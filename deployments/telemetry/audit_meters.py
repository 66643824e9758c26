"""The series of the audit trail."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_COMMIT_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class AuditMeters:
    """Counts records of generations by what became of them; ``tercet_audit_up`` is 0 while they cannot be kept."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = Counter(
            "tercet_audit_records", "Records of generations, by what became of them.", ["outcome"], registry=registry
        )
        self._up = Gauge("tercet_audit_up", "Whether records of generations can be kept.", registry=registry)
        self._up.set(1)
        self._commits = Histogram(
            "tercet_audit_commit_seconds",
            "Writes of records to the disk, each of all that waited.",
            buckets=_COMMIT_BOUNDS_S,
            registry=registry,
        )

    def audited(self, outcome: str, count: int) -> None:
        """Count records."""
        self._records.labels(outcome).inc(count)

    def audit_up(self, up: bool) -> None:
        """Set whether records can be kept."""
        self._up.set(1 if up else 0)

    def audit_commit(self, records: int, seconds: float) -> None:  # noqa: ARG002 - the counter has them
        """Observe one write."""
        self._commits.observe(seconds)
