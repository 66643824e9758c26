"""The four dashboards: which series stand on which, in which rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.rendering.burn import LEFT
from cluster.rendering.panel import RANGE, Panel, Query, level, pace, spread, together
from deployments.telemetry.catalogue import engines, governance, graph, requests, scaling
from deployments.telemetry.catalogue.exposition import PROCESSES


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard; with ``pool`` its reader chooses one."""

    uid: str
    title: str
    rows: Sequence[Row]
    pool: bool = False


def boards() -> tuple[Board, ...]:
    """Return every dashboard."""
    return (_fleet(), _pool(), _tenants(), _decisions())


def _fleet() -> Board:
    rows = (
        Row("Requests", _requests()),
        Row("Goals", _goals()),
        Row("Graph", _graph()),
        Row("Layers", _layers()),
        Row("Trials", _trials()),
        Row("Governance", _governance()),
        Row("Processes", (level(PROCESSES, "kind", "outcome"),)),
    )
    return Board(uid="tercet-fleet", title="Tercet / Fleet", rows=rows)


def _requests() -> tuple[Panel, ...]:
    return (
        pace(requests.REQUESTS, "entry", title="Requests by entry"),
        pace(requests.REQUESTS, "outcome", title="Requests by outcome"),
        level(requests.ACTIVE, "endpoint"),
        spread(requests.TTFT, "entry", title="Time to first token"),
        spread(requests.FIRST_TOKEN_STAGES, "stage", at=(0.95,), title="What the first token waits for"),
        spread(requests.OVERHEAD, "model", at=(0.5, 0.95), title="Overhead outside of the engine"),
        spread(requests.TIME_PER_OUTPUT_TOKEN, "model", at=(0.5, 0.95), title="Time per output token"),
        spread(requests.DURATION, "entry", at=(0.5, 0.95), title="Duration"),
        pace(requests.TOKENS, "model", "kind"),
    )


def _goals() -> tuple[Panel, ...]:
    missed, judged = (
        f"sum by (goal) (rate({one.sample}[{RANGE}]))" for one in (requests.GOAL_MISSED, requests.GOAL_REQUESTS)
    )
    return (
        pace(requests.GOAL_REQUESTS, "goal"),
        Panel(
            title="Missed",
            text="Share of the requests that missed a goal.",
            unit="percentunit",
            queries=(Query(f"{missed} / ({judged} > 0)", "{{goal}}"),),
        ),
        Panel(
            title="Budget left",
            text="What is left of each goal's errors over its window, by the rules of `tercet render alerts`.",
            unit="percentunit",
            queries=(Query(LEFT, "{{goal}}"),),
            floor=None,
        ),
    )


def _graph() -> tuple[Panel, ...]:
    return (
        pace(graph.EDGES, "node", "target", "outcome"),
        spread(graph.EDGE_FIRST_TOKEN, "node", "target", at=(0.95,)),
        spread(graph.ANSWER_FIRST_TOKEN, "node", "target", at=(0.95,)),
        pace(graph.HIDDEN_TOKENS, "node"),
        level(graph.BREAKERS, "target", over="max"),
        pace(requests.FAILOVERS, "pool", "outcome"),
    )


def _layers() -> tuple[Panel, ...]:
    return (
        pace(graph.CACHED, "node", "outcome"),
        pace(graph.CACHE_STORE, "operation", "outcome"),
        pace(graph.COALESCED, "node", "role"),
        together(
            "Merged", "Requests in merged calls, and the calls.",
            pace(graph.BATCHED, "node"), pace(graph.BATCHES, "node"),
        ),
        together(
            "Admission", "Requests let in, and requests that wait.",
            level(graph.ADMISSION_RUNNING, "node"), level(graph.ADMISSION_WAITING, "node"),
        ),
        spread(graph.ADMISSION_WAIT, "node", "group", at=(0.5, 0.95)),
        pace(graph.ADMISSION_REFUSALS, "node", "group", "reason"),
    )  # fmt: skip


def _trials() -> tuple[Panel, ...]:
    return (
        pace(graph.SHADOWS, "node", "outcome"),
        spread(graph.AGREEMENT, "node", at=(0.1, 0.5)),
        replace(level(graph.CANARY_STAGE, "node"), floor=None),
        level(graph.CANARY_SHARE, "node"),
        pace(graph.CANARY_STEPS, "node"),
    )


def _governance() -> tuple[Panel, ...]:
    return (
        pace(governance.SCREENED, "node", "found", "action"),
        pace(governance.RECORDS, "node", "outcome"),
        pace(governance.AUDIT_RECORDS, "outcome"),
        level(governance.AUDIT_UP, "gateway"),
        spread(governance.AUDIT_COMMITS, at=(0.5, 0.99)),
    )


def _pool() -> Board:
    one = '{pool=~"$pool"}'
    sizes = (scaling.TARGET, scaling.READY, scaling.STARTING, scaling.PARKED)
    rows = (
        Row(
            "Size and demand",
            (
                together(
                    "Replicas", "Wanted, ready, starting, about to go.",
                    *(level(s, "pool", where=one) for s in sizes),
                ),
                together(
                    "Requests", "Under way, and of them without a first token.",
                    level(requests.IN_FLIGHT, "pool", where=one), level(requests.HELD, "pool", where=one),
                ),
                together(
                    "Arrivals", "Sent to the pool, and turned away by it, in a second.",
                    pace(requests.ARRIVALS, "pool", where=one), pace(requests.TURNED_AWAY, "pool", where=one),
                ),
                _attained(one),
                level(scaling.STARTUP, "pool", "stage", where=one, title="Stages of a start"),
                together(
                    "Starts", "What a start takes, and for how long the one under way has.",
                    level(scaling.COLD_START, "pool", where=one), level(scaling.STARTING_FOR, "pool", where=one),
                ),
            ),
        ),
        Row("Engines", _engines(one)),
    )  # fmt: skip
    return Board(uid="tercet-pool", title="Tercet / Pool", rows=rows, pool=True)


def _attained(one: str) -> Panel:
    judged, within = (f"sum by (pool) (rate({s.sample}{one}[{RANGE}]))" for s in (requests.JUDGED, requests.WITHIN))
    text = "Share of the requests that met every latency target of the pool."
    query = Query(f"{within} / ({judged} > 0)", "{{pool}}")
    return Panel(title="Within targets", text=text, unit="percentunit", queries=(query,))


def _engines(one: str) -> tuple[Panel, ...]:
    busy = (engines.RUNNING, engines.WAITING, engines.SLOTS)
    return (
        together("Sequences", "In the batch, in the queue; slots.", *(level(s, "replica", where=one) for s in busy)),
        level(engines.KV_USED, "replica", where=one, over="max", title="KV cache in use"),
        together(
            "Tokens", "Of prompts and of answers, in a second.",
            pace(engines.PROMPT_TOKENS, "replica", where=one), pace(engines.GENERATED_TOKENS, "replica", where=one),
        ),
        spread(engines.TTFT, "pool", where=one, title="Engine's time to first token"),
        spread(engines.INTER_TOKEN, "pool", where=one, title="Between tokens"),
        together(
            "Prefix cache", "Prompt tokens looked for, and found.",
            pace(engines.PREFIX_QUERIES, "pool", where=one), pace(engines.PREFIX_HITS, "pool", where=one),
        ),
        together(
            "Speculation", "Tokens guessed, and guessed right.",
            pace(engines.DRAFTED, "pool", where=one), pace(engines.ACCEPTED, "pool", where=one),
        ),
        together(
            "Given up", "Sequences taken out of the batch, and requests that were ended early.",
            pace(engines.PREEMPTIONS, "replica", where=one), pace(engines.ABORTED, "replica", where=one),
        ),
    )  # fmt: skip


def _tenants() -> Board:
    paid = f"sum by (currency) (rate({governance.COST_AMOUNT.sample}[{RANGE}]))"
    answered = f'sum(rate({requests.REQUESTS.sample}{{outcome="ok"}}[{RANGE}]))'
    each = Panel(
        title="Cost of a request",
        text="What calls cost, by the requests that were answered.",
        unit="short",
        queries=(Query(f"{paid} / on () group_left () ({answered} > 0)", "{{currency}}"),),
    )
    rows = (
        Row(
            "Cost",
            (
                pace(governance.COST_AMOUNT, "tenant", "currency", title="Cost by tenant"),
                pace(governance.COST_AMOUNT, "model", "currency", title="Cost by model"),
                each,
                pace(governance.COST_SECONDS, "tenant", "device", title="Seconds of devices by tenant"),
                pace(governance.COST_SECONDS, "model", "device", title="Seconds of devices by model"),
            ),
        ),
        Row(
            "Limits and budgets",
            (
                pace(governance.TENANT_REFUSALS, "tenant", "outcome", title="Refused for limits and budgets"),
                pace(governance.OVERRUNS, "unit", title="Used beyond budgets"),
            ),
        ),
    )
    return Board(uid="tercet-tenants", title="Tercet / Tenants and cost", rows=rows)


def _decisions() -> Board:
    rows = (
        Row(
            "Sizes",
            (
                level(scaling.TARGET, "pool"),
                level(scaling.READY, "pool"),
                level(scaling.STARTING, "pool"),
                level(requests.HELD, "pool", title="Requests without a first token"),
                level(scaling.BROWN_OUT, "pool"),
                level(scaling.STARTING_FOR, "pool", title="On their way for"),
            ),
        ),
        Row(
            "Decisions",
            (
                pace(scaling.DECISIONS, "pool", "direction"),
                level(scaling.PROPOSED, "pool"),
                level(scaling.PINNED, "pool"),
                spread(scaling.DECISION_SECONDS, at=(0.5, 0.99)),
                level(scaling.AGE),
                pace(scaling.POLICY_ERRORS),
                pace(scaling.SERVE_ERRORS),
            ),
        ),
    )
    return Board(uid="tercet-decisions", title="Tercet / Autoscale decisions", rows=rows)
