"""What the nodes of a graph do."""

from __future__ import annotations

from deployments.telemetry.catalogue import bounds
from deployments.telemetry.catalogue.series import Series

EDGES = Series(
    name="tercet_graph_edges",
    kind="counter",
    text="Hand-overs between graph nodes.",
    unit="hand-overs",
    labels=("node", "target", "outcome"),
)
EDGE_FIRST_TOKEN = Series(
    name="tercet_graph_first_token_seconds",
    kind="histogram",
    text="Hand-over to a model to its first token.",
    unit="seconds",
    labels=("node", "target"),
    bounds=bounds.LATENCY_S,
)
ANSWER_FIRST_TOKEN = Series(
    name="tercet_graph_answer_first_token_seconds",
    kind="histogram",
    text="Arrival of a request to its first token, at every edge that its answer came over.",
    unit="seconds",
    labels=("node", "target"),
    bounds=bounds.LATENCY_S,
)
HIDDEN_TOKENS = Series(
    name="tercet_graph_hidden_tokens",
    kind="counter",
    text="Completion tokens that no client sees, by the node that spent them.",
    unit="tokens",
    labels=("node",),
)
COALESCED = Series(
    name="tercet_coalesced_requests",
    kind="counter",
    text="Requests that could share a generation.",
    unit="requests",
    labels=("node", "role"),
)
BATCHED = Series(
    name="tercet_batched_requests",
    kind="counter",
    text="Requests that went out in a merged call.",
    unit="requests",
    labels=("node",),
)
BATCHES = Series(name="tercet_batched_calls", kind="counter", text="Merged calls.", unit="calls", labels=("node",))
CACHED = Series(
    name="tercet_cache_requests",
    kind="counter",
    text="Requests by what a cache had for them.",
    unit="requests",
    labels=("node", "outcome"),
)
CACHE_STORE = Series(
    name="tercet_cache_store_calls",
    kind="counter",
    text="Calls to the second level of the answer cache.",
    unit="calls",
    labels=("operation", "outcome"),
)
ADMISSION_WAIT = Series(
    name="tercet_admission_wait_seconds",
    kind="histogram",
    text="How long requests waited to be admitted.",
    unit="seconds",
    labels=("node", "group"),
    bounds=bounds.WAIT_S,
)
ADMISSION_REFUSALS = Series(
    name="tercet_admission_refusals",
    kind="counter",
    text="Requests that were not admitted.",
    unit="requests",
    labels=("node", "group", "reason"),
)
ADMISSION_WAITING = Series(
    name="tercet_admission_waiting", kind="gauge", text="Requests that wait.", unit="requests", labels=("node",)
)
ADMISSION_RUNNING = Series(
    name="tercet_admission_running", kind="gauge", text="Requests let in.", unit="requests", labels=("node",)
)
BREAKERS = Series(
    name="tercet_breaker_state",
    kind="gauge",
    text="Circuit breaker of a target: 0 closed, 1 half-open, 2 open.",
    unit="state",
    labels=("target",),
)
SHADOWS = Series(
    name="tercet_shadow",
    kind="counter",
    text="Mirrored requests that ended.",
    unit="requests",
    labels=("node", "outcome"),
)
AGREEMENT = Series(
    name="tercet_shadow_agreement",
    kind="histogram",
    text="How well a candidate's answer agrees with the client's.",
    unit="share",
    labels=("node",),
    bounds=bounds.AGREEMENT,
)
CANARY_STAGE = Series(
    name="tercet_canary_stage",
    kind="gauge",
    text="The canary's stage from 0; -1 rolled back.",
    unit="stage",
    labels=("node",),
    told_by="controller",
)
CANARY_SHARE = Series(
    name="tercet_canary_share",
    kind="gauge",
    text="The candidate's share of the requests.",
    unit="share",
    labels=("node",),
    told_by="controller",
)
CANARY_STEPS = Series(
    name="tercet_canary_steps",
    kind="counter",
    text="Changes of the canary's stage.",
    unit="changes",
    labels=("node",),
    told_by="controller",
)
