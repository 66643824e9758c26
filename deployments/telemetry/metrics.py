"""Every series that a gateway keeps itself; see the catalogue for what they mean."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from deployments.telemetry.audit_meters import AuditMeters
from deployments.telemetry.catalogue import governance, graph, requests
from deployments.telemetry.cost_meters import CostMeters
from deployments.telemetry.gen_ai_meters import GenAiMeters
from deployments.telemetry.graph_meters import GraphMeters
from deployments.telemetry.hand_overs import hand_overs
from deployments.telemetry.tenant_labels import TenantLabels

# What is counted from zero on: a counter that appears with its first event has not grown by it.
UNITS = ("tokens", "cost", "compute")
FAILOVERS = ("resumed", "failed")


class Metrics:
    """One gateway's series, and what it knows of the whole fleet, each in a registry of its own."""

    def __init__(self) -> None:
        self.registry, self.fleet = CollectorRegistry(), CollectorRegistry()
        self.tenants = TenantLabels()
        self.layers = GraphMeters(self.registry)
        self.audit = AuditMeters(self.registry)
        self.costs = CostMeters(self.registry, self.tenants)
        self.gen_ai = GenAiMeters()
        self.requests = requests.REQUESTS.counter(self.registry)
        self.tokens = requests.TOKENS.counter(self.registry)
        self.edges = graph.EDGES.counter(self.registry)
        self.hidden_tokens = graph.HIDDEN_TOKENS.counter(self.registry)
        self.failovers = requests.FAILOVERS.counter(self.registry)
        self.overruns = governance.OVERRUNS.counter(self.registry)
        self.tenant_refusals = governance.TENANT_REFUSALS.counter(self.registry)
        self.records = governance.RECORDS.counter(self.registry)
        self.shadows = graph.SHADOWS.counter(self.registry)
        self.agreement = graph.AGREEMENT.histogram(self.registry)
        self.ttft = requests.TTFT.histogram(self.registry)
        self.time_per_output_token = requests.TIME_PER_OUTPUT_TOKEN.histogram(self.registry)
        self.duration = requests.DURATION.histogram(self.registry)
        self.overhead = requests.OVERHEAD.histogram(self.registry)
        self.first_token = requests.FIRST_TOKEN_STAGES.histogram(self.registry)
        self.answer_first_token = graph.ANSWER_FIRST_TOKEN.histogram(self.registry)
        self.edge_first_token = graph.EDGE_FIRST_TOKEN.histogram(self.registry)
        for unit in UNITS:
            self.overruns.labels(unit)
        self.active = requests.ACTIVE.gauge(self.registry)

    def edge(self, node: str, target: str, outcome: str) -> None:
        """Count one hand-over of a graph node to a target."""
        self.edges.labels(node, target, outcome).inc()

    def first_token_by_edge(self, node: str, target: str, seconds: float) -> None:
        """Observe the time from a hand-over to a model to its first token."""
        self.edge_first_token.labels(node, target).observe(seconds)

    def answered(self, path: Iterable[str], seconds: float) -> None:
        """Observe at every edge of *path*, the nodes that an answer came through, how long its first token took."""
        for node, target in hand_overs(path):
            self.answer_first_token.labels(node, target).observe(seconds)

    def hidden(self, node: str, tokens: int) -> None:
        """Count completion tokens that a graph node spent and no client sees."""
        self.hidden_tokens.labels(node).inc(tokens)

    def follow(self, pools: Iterable[str]) -> None:
        """Count from zero on what may happen in *pools*."""
        for pool in pools:
            for outcome in FAILOVERS:
                self.failovers.labels(pool, outcome)

    def failover(self, pool: str, outcome: str) -> None:
        """Count one stream that lost its replica: ``resumed`` on another, or ``failed``."""
        self.failovers.labels(pool, outcome).inc()

    def overran(self, unit: str, amount: int) -> None:
        """Count what was used beyond a budget: tokens, or millionths of the currency or of a device's second."""
        self.overruns.labels(unit).inc(amount)

    def tenant_refused(self, tenant: str, outcome: str) -> None:
        """Count a request that a tenant's limits or budgets had no room for."""
        self.tenant_refusals.labels(self.tenants.of(tenant), outcome).inc()

    def recorded(self, node: str, outcome: str) -> None:
        """Count one record of a graph node by what became of it."""
        self.records.labels(node, outcome).inc()

    def shadowed(self, node: str, outcome: str, agreement: float | None) -> None:
        """Count one mirrored request, and how well the two answers agree."""
        self.shadows.labels(node, outcome).inc()
        if agreement is not None:
            self.agreement.labels(node).observe(agreement)
