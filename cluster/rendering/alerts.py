"""What an operator is told of at once, beside goals that are missed."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.rendering.alert import Alert
from cluster.rendering.burn import LEFT
from cluster.rendering.figures import Figures
from deployments.errors import BudgetExhausted
from deployments.telemetry.catalogue import engines, governance, requests, scaling
from deployments.telemetry.catalogue.exposition import PROCESSES

HELD = "tercet:pool_held"
SILENT_S = 30.0


def held() -> dict[str, str]:
    """Return the rule for the requests without a first token, by pool."""
    return {"record": HELD, "expr": f"sum by (pool) ({requests.HELD.sample})"}


def alerts(limits: Figures) -> Iterator[Alert]:
    """Yield every alert but those on the burning of budgets and on costs."""
    yield from _capacity(limits)
    yield from _scaling(limits)
    yield from _governance()
    yield Alert(
        name="TercetErrorBudgetGone",
        expr=f"{LEFT} <= 0",
        severity="ticket",
        lasting="300s",
        summary="Goal {{ $labels.goal }} has no errors left",
        text="More requests have missed the goal than its whole window allows.",
        runbook="error-budget-gone",
    )
    yield Alert(
        name="TercetProcessesMissing",
        expr=f'sum by (kind) ({PROCESSES.sample}{{outcome="missing"}}) > 0',
        severity="ticket",
        lasting="300s",
        summary="{{ $value }} processes ({{ $labels.kind }}) do not tell their series",
        text="What is shown of the cluster is not all of it.",
        runbook="processes-missing",
    )


def _capacity(limits: Figures) -> Iterator[Alert]:
    yield Alert(
        name="TercetQueueGrowing",
        expr=f"{HELD} >= {limits.held}\nand\nderiv({HELD}[10m]) > 0\n"
        f"unless on (pool)\n{HELD} < on (pool) {limits.held} * max by (pool) ({scaling.READY.sample})",
        severity="page",
        lasting="300s",
        summary="The queue of {{ $labels.pool }} grows",
        text="{{ $value }} requests to {{ $labels.pool }} wait for a first token, and they become more.",
        runbook="queue-growing",
    )
    yield Alert(
        name="TercetPoolDown",
        expr=_down(limits),
        severity="page",
        lasting="120s",
        summary="No replica of {{ $labels.pool }} can answer",
        text="The pool should have replicas, none is ready, and none will be in time.",
        runbook="pool-down",
    )
    yield Alert(
        name="TercetKvCacheFull",
        expr=f"max by (pool, replica) ({engines.KV_USED.sample}) > {limits.kv_used}",
        severity="ticket",
        lasting="300s",
        summary="The KV cache of {{ $labels.pool }} is full",
        text="{{ $value | humanizePercentage }} of the blocks of {{ $labels.replica }} are in use: sequences will be "
        "taken out of the batch.",
        runbook="kv-cache-full",
    )


def _down(limits: Figures) -> str:
    """Return what a pool is that has nothing ready and is not just waking; one that starts over and over is down."""
    ready, target = scaling.READY.sample, scaling.TARGET.sample
    waking = f"max by (pool) ({scaling.STARTING_FOR.sample}) <= {limits.cold_start}"
    fruitless = f"max by (pool) (max_over_time({ready}[30m])) == 0 and max by (pool) ({target} offset 30m) > 0"
    return f"max by (pool) ({ready}) == 0\nand\nmax by (pool) ({target}) > 0\nunless\n({waking} unless ({fruitless}))"


def _scaling(limits: Figures) -> Iterator[Alert]:
    late, usual = (f"max by (pool) ({one.sample})" for one in (scaling.STARTING_FOR, scaling.COLD_START))
    yield Alert(
        name="TercetColdStartLate",
        expr=f"{late} > {limits.cold_start}\nor\n{late} > {limits.cold_start_factor} * {usual}",
        severity="ticket",
        lasting="60s",
        summary="A replica of {{ $labels.pool }} takes too long to start",
        text="It has been on its way for {{ $value | humanizeDuration }}.",
        runbook="cold-start-late",
    )
    changed = f"max by (pool, direction) (increase({scaling.DECISIONS.sample}[30m]))"
    yield Alert(
        name="TercetFlapping",
        expr=f"min by (pool) ({changed}) >= {limits.flaps}",
        severity="ticket",
        summary="{{ $labels.pool }} grows and shrinks again and again",
        text="At least {{ $value | humanize }} decisions each way in half an hour.",
        runbook="flapping",
    )
    yield Alert(
        name="TercetBrownOut",
        expr=f"max by (pool) ({scaling.BROWN_OUT.sample}) > 0",
        severity="ticket",
        lasting=f"{limits.brown_out}s",
        summary="{{ $value | humanizePercentage }} of the requests to {{ $labels.pool }} go to a stand-in",
        text="The pool's own capacity is late, and a smaller model answers in its place.",
        runbook="brown-out",
    )
    yield Alert(
        name="TercetControllerSilent",
        # Without its node, or without any gateway, nobody tells how old its last decision is.
        expr=f"min({scaling.AGE.sample}) > {SILENT_S:g}\nor\nabsent({scaling.AGE.sample})",
        severity="page",
        lasting="120s",
        summary="The fleet controller is silent",
        text="It has decided nothing for half a minute, or nothing is told of it: pools keep the size they have.",
        runbook="controller-silent",
    )
    yield Alert(
        name="TercetPolicyFailing",
        expr=f"max(increase({scaling.POLICY_ERRORS.sample}[10m])) > 0",
        severity="ticket",
        summary="The autoscaling policy fails",
        text="Pools keep the size they have for as long as it does.",
        runbook="policy-failing",
    )


def _governance() -> Iterator[Alert]:
    refused = f'sum by (tenant) ({{}}({governance.TENANT_REFUSALS.sample}{{{{outcome="{BudgetExhausted.code}"}}}}{{}}))'
    grown, now, before = refused.format("increase", "[15m]"), refused.format("", ""), refused.format("", " offset 15m")
    yield Alert(
        name="TercetBudgetExhausted",
        # A counter that has just appeared has not grown yet.
        expr=f"{grown} > 0\nor\n{now} unless {before}",
        severity="ticket",
        summary="Tenant {{ $labels.tenant }} has used up a budget",
        text="{{ $value | humanize }} of its requests were refused for that.",
        runbook="budget-exhausted",
    )
    yield Alert(
        name="TercetAuditDown",
        expr=f"min by (gateway) ({governance.AUDIT_UP.sample}) == 0",
        severity="page",
        lasting="60s",
        summary="Gateway {{ $labels.gateway }} cannot keep audit records",
        text="What that means for requests is what `audit` in the configuration says.",
        runbook="audit-down",
    )


def dear(currency: str, most: str) -> Alert:
    """Return the alert on requests that cost more than *most* of a currency on average."""
    answered = f'sum(rate({requests.REQUESTS.sample}{{outcome="ok"}}[1h]))'
    paid = f'sum(rate({governance.COST_AMOUNT.sample}{{currency="{currency}"}}[1h]))'
    return Alert(
        name="TercetCostPerRequest",
        expr=f"{paid} / ({answered} > 0) > {most}",
        severity="ticket",
        lasting="900s",
        labels={"currency": currency},
        summary=f"A request costs more than {most} {currency}",
        text=f"{{{{ $value }}}} {currency} on average over the last hour.",
        runbook="cost-per-request",
    )
