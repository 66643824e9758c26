"""Requests and their latencies, as a gateway sees them."""

from __future__ import annotations

from deployments.telemetry.catalogue import bounds
from deployments.telemetry.catalogue.series import Series

REQUESTS = Series(
    name="tercet_requests",
    kind="counter",
    text="Requests that ended.",
    unit="requests",
    labels=("entry", "model", "endpoint", "outcome"),
)
ACTIVE = Series(
    name="tercet_requests_active", kind="gauge", text="Requests under way.", unit="requests", labels=("endpoint",)
)
TOKENS = Series(
    name="tercet_tokens",
    kind="counter",
    text="Prompt and completion tokens.",
    unit="tokens",
    labels=("model", "kind"),
)
TTFT = Series(
    name="tercet_ttft_seconds",
    kind="histogram",
    text="Arrival to first token, at the gateway.",
    unit="seconds",
    labels=("entry", "model"),
    bounds=bounds.LATENCY_S,
)
TIME_PER_OUTPUT_TOKEN = Series(
    name="tercet_time_per_output_token_seconds",
    kind="histogram",
    text="Mean time per token after the first.",
    unit="seconds",
    labels=("model",),
    bounds=bounds.TOKEN_S,
)
DURATION = Series(
    name="tercet_request_duration_seconds",
    kind="histogram",
    text="Arrival to last byte.",
    unit="seconds",
    labels=("entry", "endpoint"),
    bounds=bounds.DURATION_S,
)
OVERHEAD = Series(
    name="tercet_overhead_seconds",
    kind="histogram",
    text="Time to first token outside of the engine.",
    unit="seconds",
    labels=("model",),
    bounds=bounds.OVERHEAD_S,
)
FIRST_TOKEN_STAGES = Series(
    name="tercet_first_token_stage_seconds",
    kind="histogram",
    text="What the time to first token was made of.",
    unit="seconds",
    labels=("model", "stage"),
    bounds=bounds.STAGE_S,
)
FAILOVERS = Series(
    name="tercet_failovers",
    kind="counter",
    text="Streams whose replica was lost.",
    unit="streams",
    labels=("pool", "outcome"),
)
IN_FLIGHT = Series(
    name="tercet_pool_in_flight",
    kind="gauge",
    text="Requests that were sent to a pool and have not ended.",
    unit="requests",
    labels=("pool",),
)
HELD = Series(
    name="tercet_pool_held",
    kind="gauge",
    text="Requests that were sent to a pool and have no token yet.",
    unit="requests",
    labels=("pool",),
)
ARRIVALS = Series(
    name="tercet_pool_arrivals",
    kind="counter",
    text="Requests that were sent to a pool.",
    unit="requests",
    labels=("pool",),
)
TURNED_AWAY = Series(
    name="tercet_pool_refused",
    kind="counter",
    text="Requests that a pool turned away.",
    unit="requests",
    labels=("pool",),
)
JUDGED = Series(
    name="tercet_slo_judged",
    kind="counter",
    text="Requests to a pool with latency targets that ended.",
    unit="requests",
    labels=("pool",),
)
GOAL_REQUESTS = Series(
    name="tercet_goal_requests",
    kind="counter",
    text="Requests that count for a goal of the section objectives.",
    unit="requests",
    labels=("goal",),
)
GOAL_MISSED = Series(
    name="tercet_goal_missed",
    kind="counter",
    text="Of the requests that count for a goal, those that were not good.",
    unit="requests",
    labels=("goal",),
)
WITHIN = Series(
    name="tercet_slo_within",
    kind="counter",
    text="Of the judged requests, those that met every latency target of the pool.",
    unit="requests",
    labels=("pool",),
)
