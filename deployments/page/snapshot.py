"""What the operator's page shows at one moment, as plain JSON. Pure: what is known in, a bounded value out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from deployments.cost.lines import OTHERS
from deployments.cost.spread import Total, totals
from deployments.page.traffic import all_requests, rounded
from deployments.signals import FleetView, PoolState

MOST_EDGES = 1_000
MOST_POOLS = 100
MOST_REPLICAS = 100
MOST_DECISIONS = 40
MOST_TENANTS = 25
_MOST_CHARS = 500
_POOL = (
    "min", "max", "target", "published", "slots", "stages", "running", "waiting", "kv_used", "in_flight", "held",
    "arrival_rate", "refused_rate", "ttft", "tpot", "attainment", "blind", "brown_out", "pin", "proposal",
)  # fmt: skip
_ENTRY = ("at_s", "pool", "from", "to", "reason", "binds", "rejected", "numbers")
_GOAL = ("goal", "share", "window_s", "known_s", "judged", "missed", "budget_left")


def snapshot(
    at_s: float,
    *,
    gateway: Mapping[str, Any],
    edges: Sequence[Mapping[str, Any]],
    status: Mapping[str, Any] | None,
    view: FleetView | None,
    costs: Mapping[str, Any] | None,
    fault: str = "",
) -> dict[str, Any]:
    """Put together what is known at *at_s*, Unix time.

    *gateway* says who answers and whether it is ready, *status* is the fleet controller's, None while it is silent,
    for the reason *fault*. *view* is its last word to gateways, *costs* what ``cost_table`` returned.
    """
    return {
        "at_s": at_s,
        "gateway": dict(gateway),
        "requests": all_requests(edges),
        "edges": list(edges[:MOST_EDGES]),
        "fault": fault[:_MOST_CHARS],
        "fleet": None if status is None else _fleet(status, view),
        "costs": costs,
    }


def cost_table(entries: Iterable[Any], hours: int, currency: str) -> dict[str, Any]:
    """Return what tenants came to in the last *hours*, the dearest first, idle time spread over its users."""
    groups = totals(entries, ("tenant",))
    # Those that the books themselves keep together are among the others.
    first = dict(islice((one for one in groups.items() if one[0] != (OTHERS,)), MOST_TENANTS))
    rest = [total for group, total in groups.items() if group not in first]
    rows = [_cost(group[0], total) for group, total in first.items()]
    if rest:
        rows.append(_sum(rest))
    return {"hours": hours, "currency": currency, "tenants": rows}


def _fleet(status: Mapping[str, Any], view: FleetView | None) -> dict[str, Any]:
    states = view.pools if view is not None else {}
    pools = list(islice(status.get("pools", {}).items(), MOST_POOLS))
    return {
        **{name: status.get(name) for name in ("at_s", "mode", "policy", "interval_s", "errors")},
        "pools": [_pool(name, pool, states.get(name)) for name, pool in pools],
        "proposals": [pool["proposal"] for _, pool in pools if pool.get("proposal")],
        "decisions": [_entry(one) for one in reversed(status.get("decisions", ())[-MOST_DECISIONS:])],
        "goals": [{name: one.get(name) for name in _GOAL} for one in status.get("goals", ())],
        "gateways": [
            {"gateway": one["gateway"], "age_s": rounded(one["age_s"], 1)} for one in status.get("gateways", ())
        ],
        "costs_fault": str(status.get("costs") or "")[:_MOST_CHARS],
    }


def _pool(name: str, pool: Mapping[str, Any], state: PoolState | None) -> dict[str, Any]:
    decision = pool.get("decision")
    return {
        "pool": name,
        **{part: pool.get(part) for part in _POOL},
        "replicas": list(_replicas(pool)),
        "left_out": max(0, len(pool.get("replicas", ())) - MOST_REPLICAS),
        "decision": None if decision is None else _entry(decision),
        "start": None if state is None else _start(state),
    }


def _replicas(pool: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    parked = set(pool.get("parked", ()))
    for one in pool.get("replicas", ())[:MOST_REPLICAS]:
        yield {
            "replica": one["replica"],
            "stage": one["stage"],
            "since_s": one["since_s"] or None,
            "requested_s": one.get("requested_s") or None,
            "running": one["running"],
            "waiting": one["waiting"],
            "kv_used": rounded(one.get("kv_used")),
            "parked": one["replica"] in parked,
        }


def _start(state: PoolState) -> dict[str, Any]:
    """Return the clock of a cold start: what it takes, how far the oldest is, and the stages of the last one."""
    return {
        "starting": state.starting,
        "starting_for_s": rounded(state.starting_for_s, 1),
        "cold_start_s": rounded(state.cold_start_s, 1),
        "ready_in_s": rounded(state.ready_in_s, 1),
        "stages_s": [[stage, round(seconds, 2)] for stage, seconds in state.startup],
        "scaled_to_zero": state.scaled_to_zero,
        "kept_empty": state.kept_empty[:_MOST_CHARS],
    }


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: entry.get(name) for name in _ENTRY}
    told["reason"] = str(told["reason"])[:_MOST_CHARS]
    told["numbers"] = {name: rounded(value) for name, value in islice((told["numbers"] or {}).items(), 20)}
    return told


def _cost(tenant: str, total: Total) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "calls": total.calls,
        "tokens": total.prompt_tokens + total.completion_tokens,
        "gpu_seconds": round(total.gpu_seconds, 3),
        "cpu_seconds": round(total.cpu_seconds, 3),
        "idle_seconds": round(total.idle_gpu_seconds + total.idle_cpu_seconds, 3),
        "machines": {currency: round(amount, 9) for currency, amount in total.machines.items()},
        "listed": {currency: round(amount, 9) for currency, amount in total.listed.items()},
    }


def _sum(rest: Iterable[Total]) -> dict[str, Any]:
    whole = Total()
    for total in rest:
        for name in ("calls", "prompt_tokens", "completion_tokens", "gpu_seconds", "cpu_seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(total, name))
        whole.idle_gpu_seconds += total.idle_gpu_seconds
        whole.idle_cpu_seconds += total.idle_cpu_seconds
        for into, more in ((whole.machines, total.machines), (whole.listed, total.listed)):
            for currency, amount in more.items():
                into[currency] = into.get(currency, 0.0) + amount
    return _cost(OTHERS, whole)
