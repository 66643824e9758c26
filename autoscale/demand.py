"""What the gateways have open, and what passed through them in a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoscale.fleet import Demand
from autoscale.heard import Heard, Reports, window
from autoscale.running_totals import PoolTotals
from autoscale.slo import merged
from deployments.signals import ClassDemand, GatewaySignals, Histogram, PoolDemand, since


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealings:
    """One gateway's dealings with one pool: what it has open now, and what happened in *span_s*."""

    now: PoolDemand
    arrivals: int
    refused: int
    ttft: Histogram
    span_s: float


def dealings(gateway: Sequence[Heard[GatewaySignals]], pool: str, now_s: float, window_s: float) -> Dealings:
    """Compare a gateway's newest report with the one that the window began with."""
    newest, began = window(gateway, now_s, window_s)
    new, old = newest.pools.get(pool, PoolDemand()), began.pools.get(pool, PoolDemand())
    if new.arrivals_total < old.arrivals_total:  # the gateway has restarted under its old name
        old = PoolDemand()
    return Dealings(
        now=new,
        arrivals=new.arrivals_total - old.arrivals_total,
        refused=max(0, new.refused_total - old.refused_total),
        ttft=since(new.ttft, old.ttft),
        span_s=newest.at_s - began.at_s,
    )


def total(parts: Sequence[Dealings], totals: PoolTotals | None = None) -> Demand:
    """Add up the dealings of several gateways; one that was heard once has no rates yet.

    *totals* are what they and others before them have counted.
    """
    timed = [part for part in parts if part.span_s > 0]
    counted = totals or PoolTotals()
    return Demand(
        in_flight=sum(part.now.in_flight for part in parts),
        held=sum(part.now.held for part in parts),
        held_prompt_tokens=sum(part.now.held_prompt_tokens for part in parts),
        arrival_rate=sum(part.arrivals / part.span_s for part in timed),
        refused_rate=sum(part.refused / part.span_s for part in timed),
        first_token_rate=sum(part.ttft.total / part.span_s for part in timed),
        arrivals_total=counted.arrivals,
        lengths=counted.lengths,
        judged_total=counted.judged,
        within_total=counted.within,
        classes=_classes(parts, counted.classes),
        moved_total=counted.moved,
        stood_in_total=counted.stood_in,
    )


def _classes(parts: Sequence[Dealings], arrivals: Mapping[str, int]) -> Mapping[str, ClassDemand]:
    now = [part.now.classes for part in parts]
    return {
        name: ClassDemand(
            in_flight=sum(classes[name].in_flight for classes in now if name in classes),
            held=sum(classes[name].held for classes in now if name in classes),
            arrivals_total=arrivals.get(name, 0),
        )
        for name in sorted({*arrivals, *(name for classes in now for name in classes)})
    }


def ttft(reports: Reports, pool: str, now_s: float, window_s: float) -> Histogram:
    """Return the first-token times of *pool* that all gateways saw in the last *window_s* seconds."""
    return merged(dealings(gateway, pool, now_s, window_s).ttft for gateway in reports.gateways.values())
