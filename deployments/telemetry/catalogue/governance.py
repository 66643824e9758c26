"""What is found, recorded, refused and spent."""

from __future__ import annotations

from deployments.telemetry.catalogue import bounds
from deployments.telemetry.catalogue.series import Series

SCREENED = Series(
    name="tercet_screened",
    kind="counter",
    text="What guards and redactions found, by what they did.",
    unit="finds",
    labels=("node", "found", "action"),
)
RECORDS = Series(
    name="tercet_records",
    kind="counter",
    text="Records of requests, by what became of them.",
    unit="records",
    labels=("node", "outcome"),
)
AUDIT_RECORDS = Series(
    name="tercet_audit_records",
    kind="counter",
    text="Records of generations, by what became of them.",
    unit="records",
    labels=("outcome",),
)
AUDIT_UP = Series(
    name="tercet_audit_up", kind="gauge", text="Whether records of generations can be kept: 1 or 0.", unit="state"
)
AUDIT_COMMITS = Series(
    name="tercet_audit_commit_seconds",
    kind="histogram",
    text="Writes of records to the disk, each of all that waited.",
    unit="seconds",
    bounds=bounds.COMMIT_S,
)
TENANT_REFUSALS = Series(
    name="tercet_tenant_refusals",
    kind="counter",
    text="Requests that a tenant's limits or budgets had no room for.",
    unit="requests",
    labels=("tenant", "outcome"),
)
OVERRUNS = Series(
    name="tercet_budget_overrun",
    kind="counter",
    text="Used beyond a budget and all that was held of it: tokens, or millionths of the currency or of a second.",
    unit="as `unit` says",
    labels=("unit",),
)
COST_SECONDS = Series(
    name="tercet_cost_device_seconds",
    kind="counter",
    text="Shares of engines' steps, in seconds of their devices; of a GPU's not verified on one yet.",
    unit="seconds",
    labels=("model", "tenant", "device"),
)
COST_AMOUNT = Series(
    name="tercet_cost_amount",
    kind="counter",
    text="What calls cost, in a currency.",
    unit="as `currency` says",
    labels=("model", "tenant", "currency"),
)
