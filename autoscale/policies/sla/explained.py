"""Why the SLA policy said what it said, with the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What one decision was made of; rates in requests per second, times in seconds.

    A ``provisional`` capacity is by formulas, until a simulation has told better.
    """

    planned: int
    backstop: int
    rate_rps: float
    middle_rps: float
    need_rps: float
    each_rps: float
    allowed: float
    scale: float
    horizon_s: float
    excess: float
    drain_s: float | None
    belief: float
    weights: Mapping[str, float]
    source: str
    provisional: bool


def explained(pool: PoolFleet, of: Numbers, replicas: int, binds: str, why: str = "") -> PoolDecision:
    """Return the decision to have *replicas*; *why* says what kept it from another number."""
    demand = f"{of.rate_rps:.3g}/s now, up to {of.need_rps:.3g}/s in {of.horizon_s:.0f}s, {of.each_rps:.3g}/s a replica"
    known = ("" if of.source == "fit" else f" by the {of.source}") + (", not simulated yet" if of.provisional else "")
    queue = f"; {of.excess:.0f} too many queued" if of.excess >= 1 else ""
    return PoolDecision(
        replicas=replicas,
        reason=f"{binds}: {demand}{known}{queue}" + (f"; {why}" if why else ""),
        binds=binds,
        rejected=_rejected(pool, of, replicas, binds),
        numbers={
            "rate_rps": of.rate_rps,
            "forecast_rps": of.middle_rps,
            "forecast_high_rps": of.need_rps,
            "forecast_error_share": of.scale,
            "allowed_miss_share": of.allowed,
            "horizon_s": of.horizon_s,
            "capacity_rps": of.each_rps,
            "capacity_provisional": float(of.provisional),
            "capacity_belief": of.belief,
            "planned_replicas": of.planned,
            "backstop_replicas": of.backstop,
            "queue_excess_requests": of.excess,
            "queue_drain_s": -1.0 if of.drain_s is None else of.drain_s,
            **{f"weight_{name}": weight for name, weight in of.weights.items()},
        },
    )


def _rejected(pool: PoolFleet, of: Numbers, replicas: int, binds: str) -> tuple[str, ...]:
    lost = []
    if replicas > 0 and binds in {"demand", "release"}:
        share = of.need_rps / (of.each_rps * (replicas - 1)) if replicas > 1 else 0.0
        lost.append(f"{replicas - 1}: {share:.0%} of its capacity would be needed" if share else "0: there is demand")
    if binds != "backstop" and of.backstop and of.backstop < replicas:
        lost.append(f"{of.backstop}: enough for the queue alone")
    if replicas < pool.target:
        lost.append(f"{pool.target}: would be idle for longer than a start takes")
    return tuple(lost)
