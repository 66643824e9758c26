"""The metric catalogue: every series that a gateway exposes, with bounded labels.

``entry`` is the configured name that the client asked for (``unknown`` where there is none of that name), ``model`` the
pool that answered (empty where none did), ``outcome`` is ``ok``, ``client_closed`` or an error's code.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from deployments.signals import LATENCY_BOUNDS_S
from deployments.telemetry.audit_meters import AuditMeters
from deployments.telemetry.cost_meters import CostMeters
from deployments.telemetry.graph_meters import GraphMeters

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TOKEN_BOUNDS_S = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5)
_DURATION_BOUNDS_S = (*LATENCY_BOUNDS_S, 160.0, 320.0, 640.0)
_STAGE_BOUNDS_S = (0.0005, 0.001, 0.0025, *LATENCY_BOUNDS_S)
_AGREEMENT_BOUNDS = tuple(tenth / 10 for tenth in range(11))
_OVERHEAD_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """One gateway's series, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.layers = GraphMeters(self.registry)
        self.audit = AuditMeters(self.registry)
        self.costs = CostMeters(self.registry)
        self.requests = self._counter("requests", "Requests that ended.", "entry", "model", "endpoint", "outcome")
        self.tokens = self._counter("tokens", "Prompt and completion tokens.", "model", "kind")
        self.edges = self._counter("graph_edges", "Hand-overs between graph nodes.", "node", "target", "outcome")
        self.hidden_tokens = self._counter(
            "graph_hidden_tokens", "Completion tokens that no client sees, by the node that spent them.", "node"
        )
        self.failovers = self._counter("failovers", "Streams whose replica was lost.", "pool", "outcome")
        self.overruns = self._counter("budget_overrun", "Used beyond a budget and all that was held of it.", "unit")
        self.records = self._counter("records", "Records of requests, by what became of them.", "node", "outcome")
        self.shadows = self._counter("shadow", "Mirrored requests that ended.", "node", "outcome")
        self.agreement = self._histogram(
            "shadow_agreement", "How well a candidate's answer agrees with the client's.", _AGREEMENT_BOUNDS, "node"
        )
        self.ttft = self._histogram(
            "ttft_seconds", "Arrival to first token, at the gateway.", LATENCY_BOUNDS_S, "entry", "model"
        )
        self.time_per_output_token = self._histogram(
            "time_per_output_token_seconds", "Mean time per token after the first.", _TOKEN_BOUNDS_S, "model"
        )
        self.duration = self._histogram(
            "request_duration_seconds", "Arrival to last byte.", _DURATION_BOUNDS_S, "entry", "endpoint"
        )
        self.overhead = self._histogram(
            "overhead_seconds", "Time to first token outside of the engine.", _OVERHEAD_BOUNDS_S, "model"
        )
        self.first_token = self._histogram(
            "first_token_stage_seconds", "What the time to first token was made of.", _STAGE_BOUNDS_S, "model", "stage"
        )
        self.edge_first_token = self._histogram(
            "graph_first_token_seconds", "Hand-over to a model to its first token.", LATENCY_BOUNDS_S, "node", "target"
        )
        self.active = Gauge(
            "tercet_requests_active", "Requests under way.", ["endpoint"], registry=self.registry
        )  # fmt: skip

    def edge(self, node: str, target: str, outcome: str) -> None:
        """Count one hand-over of a graph node to a target."""
        self.edges.labels(node, target, outcome).inc()

    def first_token_by_edge(self, node: str, target: str, seconds: float) -> None:
        """Observe the time from a hand-over to a model to its first token."""
        self.edge_first_token.labels(node, target).observe(seconds)

    def hidden(self, node: str, tokens: int) -> None:
        """Count completion tokens that a graph node spent and no client sees."""
        self.hidden_tokens.labels(node).inc(tokens)

    def failover(self, pool: str, outcome: str) -> None:
        """Count one stream that lost its replica: ``resumed`` on another, or ``failed``."""
        self.failovers.labels(pool, outcome).inc()

    def overran(self, unit: str, amount: int) -> None:
        """Count what was used beyond a budget: tokens, or millionths of the currency or of a device's second."""
        self.overruns.labels(unit).inc(amount)

    def recorded(self, node: str, outcome: str) -> None:
        """Count one record of a graph node by what became of it."""
        self.records.labels(node, outcome).inc()

    def shadowed(self, node: str, outcome: str, agreement: float | None) -> None:
        """Count one mirrored request, and how well the two answers agree."""
        self.shadows.labels(node, outcome).inc()
        if agreement is not None:
            self.agreement.labels(node).observe(agreement)

    def render(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tercet_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"tercet_{name}", text, labels, buckets=bounds, registry=self.registry)
