"""The fleet as plain JSON, for the status page."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from typing import Any

from autoscale.controller.elsewhere import elsewhere
from autoscale.controller.journal import Entry, Journal
from autoscale.controller.steering import Steering
from autoscale.demand import ttft
from autoscale.fleet import Fleet, PoolFleet, ReplicaFleet
from autoscale.hardware import Inventory
from autoscale.heard import Reports
from autoscale.slo import attainment
from autoscale.spec import AutoscaleSpec
from deployments.signals import Histogram, quantile

ATTAINMENT_WINDOWS_S = (60.0, 300.0)
TOTALS = (
    "prompt_tokens",
    "generated_tokens",
    "preemptions",
    "aborted",
    "prefix_queries",
    "prefix_hits",
    "drafted",
    "accepted",
)


def report(fleet: Fleet, reports: Reports, journal: Journal, spec: AutoscaleSpec, steering: Steering) -> dict[str, Any]:
    """Describe *fleet*, the last decision on each pool and the last changes; times are Unix seconds."""
    return {
        "at_s": fleet.at_s,
        "mode": spec.mode,
        "policy": spec.policy.kind,
        "interval_s": spec.interval,
        "pools": {
            name: {**_pool(name, pool, fleet.at_s, reports, journal), **_steered(name, steering)}
            for name, pool in fleet.pools.items()
        },
        "machines": _machines(fleet.inventory),
        "elsewhere": elsewhere(reports, fleet.pools, fleet.at_s),
        "gateways": [
            {
                "gateway": name,
                "age_s": fleet.at_s - heard[-1].at_s,
                "settings": heard[-1].signals.settings,
                "audit": heard[-1].signals.audit,
            }
            for name, heard in sorted(reports.gateways.items())
        ],
        "decisions": [_entry(entry) for entry in journal.entries],
    }


def _pool(name: str, pool: PoolFleet, at_s: float, reports: Reports, journal: Journal) -> dict[str, Any]:
    demand = pool.demand
    last = journal.last.get(name)
    target_s = pool.slo.ttft_p95_s
    return {
        "min": pool.min_replicas,
        "max": pool.max_replicas,
        "target": pool.target,
        "slots": pool.slots,
        "stages": dict(Counter(replica.stage for replica in pool.replicas)),
        "replicas": [_replica(replica, reports) for replica in pool.replicas],
        "running": sum(replica.load.running for replica in pool.replicas if replica.load),
        "waiting": sum(replica.load.waiting for replica in pool.replicas if replica.load),
        "kv_used": max((replica.load.kv_used for replica in pool.replicas if replica.load), default=None),
        "in_flight": demand.in_flight if demand else None,
        "held": demand.held if demand else None,
        "arrival_rate": demand.arrival_rate if demand else None,
        "refused_rate": demand.refused_rate if demand else None,
        "ttft": _latency(pool.ttft, target_s),
        "tpot": _latency(pool.inter_token, pool.slo.tpot_p95_s),
        "attainment": [
            _attained(ttft(reports, name, at_s, span_s), span_s, target_s) for span_s in ATTAINMENT_WINDOWS_S
        ],
        "blind": list(pool.blind),
        "decision": _entry(last) if last else None,
    }


def _machines(inventory: Inventory | None) -> list[dict[str, Any]] | None:
    """Describe the hardware, None while nobody has counted it."""
    if inventory is None:
        return None
    return [{**asdict(node), "replicas": dict(inventory.placed.get(node.node, {}))} for node in inventory.nodes]


def _steered(name: str, steering: Steering) -> dict[str, Any]:
    pin, proposal = steering.pins.of(name), steering.proposals.waiting(name)
    return {
        "published": steering.targets.get(name),
        "parked": list(steering.releases.parked(name)),
        "brown_out": steering.brown_out.get(name, 0.0),
        "pin": asdict(pin) if pin else None,
        "proposal": asdict(proposal) if proposal else None,
    }


def _replica(replica: ReplicaFleet, reports: Reports) -> dict[str, Any]:
    load = replica.load
    heard = reports.replicas.get(replica.replica)
    newest = heard[-1].signals if heard else None
    return {
        "replica": replica.replica,
        "stage": replica.stage,
        "since_s": replica.since_s,
        "requested_s": replica.requested_s,
        "age_s": replica.age_s,
        "running": load.running if load else None,
        "waiting": load.waiting if load else None,
        "kv_used": load.kv_used if load else None,
        "remaining_tokens": load.remaining_tokens if load else None,
        "startup_s": dict(newest.startup) if newest else None,
        "adapters": list(newest.adapters) if newest else [],
        "adapter_failures": {one.name: one.error for one in newest.adapter_reports if one.error} if newest else {},
        "totals": {name: getattr(newest, f"{name}_total") for name in TOTALS} if newest else None,
    }


def _latency(histogram: Histogram, target_s: float | None) -> dict[str, Any]:
    return {
        "p50_s": quantile(histogram, 0.5),
        "p95_s": quantile(histogram, 0.95),
        "target_s": target_s,
        "count": histogram.total,
    }


def _attained(histogram: Histogram, span_s: float, target_s: float | None) -> dict[str, Any]:
    share = None if target_s is None else attainment(histogram, target_s)
    return {"window_s": span_s, "requests": histogram.total, "ttft_share": share}


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "at_s": entry.at_s,
        "pool": entry.pool,
        "from": entry.before,
        "to": entry.after,
        "reason": entry.reason,
        "binds": entry.binds,
        "rejected": list(entry.rejected),
        "numbers": {name: value if math.isfinite(value) else None for name, value in entry.numbers.items()},
    }
