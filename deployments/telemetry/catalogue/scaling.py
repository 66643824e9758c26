"""Pools and what the control loop does about them."""

from __future__ import annotations

from deployments.telemetry.catalogue import bounds
from deployments.telemetry.catalogue.series import Series

AGE = Series(
    name="tercet_autoscale_age_seconds",
    kind="gauge",
    text="How old the fleet controller's last decision is; all its other series are as old.",
    unit="seconds",
    told_by="controller",
)
TARGET = Series(
    name="tercet_autoscale_target",
    kind="gauge",
    text="Replicas that the pool should have.",
    unit="replicas",
    labels=("pool",),
    told_by="controller",
)
READY = Series(
    name="tercet_autoscale_ready",
    kind="gauge",
    text="Replicas that can answer.",
    unit="replicas",
    labels=("pool",),
    told_by="controller",
)
STARTING = Series(
    name="tercet_autoscale_starting",
    kind="gauge",
    text="Replicas on their way.",
    unit="replicas",
    labels=("pool",),
    told_by="controller",
)
STARTING_FOR = Series(
    name="tercet_autoscale_starting_for_seconds",
    kind="gauge",
    text="For how long the oldest replica on its way has been so; not there where none is.",
    unit="seconds",
    labels=("pool",),
    told_by="controller",
)
COLD_START = Series(
    name="tercet_autoscale_cold_start_seconds",
    kind="gauge",
    text="What a replica's start takes.",
    unit="seconds",
    labels=("pool",),
    told_by="controller",
)
PARKED = Series(
    name="tercet_autoscale_parked",
    kind="gauge",
    text="Replicas that are about to be released.",
    unit="replicas",
    labels=("pool",),
    told_by="controller",
)
BROWN_OUT = Series(
    name="tercet_autoscale_brown_out_share",
    kind="gauge",
    text="Share of the requests that stand-ins should take.",
    unit="share",
    labels=("pool",),
    told_by="controller",
)
DECISIONS = Series(
    name="tercet_autoscale_decisions",
    kind="counter",
    text="Decisions to change a pool's size.",
    unit="decisions",
    labels=("pool", "direction"),
    told_by="controller",
)
PROPOSED = Series(
    name="tercet_autoscale_proposed",
    kind="gauge",
    text="1 while a change waits for approval.",
    unit="state",
    labels=("pool",),
    told_by="controller",
)
PINNED = Series(
    name="tercet_autoscale_pinned",
    kind="gauge",
    text="1 while the size is set by hand.",
    unit="state",
    labels=("pool",),
    told_by="controller",
)
POLICY_ERRORS = Series(
    name="tercet_autoscale_policy_errors",
    kind="counter",
    text="Times that the policy failed and was held instead.",
    unit="errors",
    told_by="controller",
)
SERVE_ERRORS = Series(
    name="tercet_autoscale_serve_errors",
    kind="counter",
    text="Times that Serve did not answer.",
    unit="errors",
    told_by="controller",
)
DECISION_SECONDS = Series(
    name="tercet_autoscale_decision_seconds",
    kind="histogram",
    text="How long decisions took.",
    unit="seconds",
    bounds=bounds.LATENCY_S,
    told_by="controller",
)
STARTUP = Series(
    name="tercet_replica_startup_seconds",
    kind="gauge",
    text="Seconds that each stage took in the start of the pool's youngest ready replica.",
    unit="seconds",
    labels=("pool", "stage"),
    told_by="controller",
)
