"""What gateways send to models that this cluster does not size: those that other servers answer for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from autoscale.demand import dealings, total, ttft
from autoscale.heard import Reports
from deployments.signals import quantile

WINDOW_S = 300.0


def elsewhere(reports: Reports, pools: Collection[str], now_s: float) -> dict[str, Any]:
    """Describe the demand on every name beside *pools* that was asked for in the last minutes; rates are a second's."""
    heard = reports.gateways.values()
    names = sorted({name for one in heard for name in one[-1].signals.pools} - set(pools))
    found = {}
    for name in names:
        parts = [dealings(one, name, now_s, WINDOW_S) for one in heard]
        demand = total(parts)
        if demand.in_flight or any(part.arrivals for part in parts):
            first = ttft(reports, name, now_s, WINDOW_S)
            found[name] = {
                "in_flight": demand.in_flight,
                "arrival_rate": demand.arrival_rate,
                "refused_rate": demand.refused_rate,
                "ttft": {"p50_s": quantile(first, 0.5), "p95_s": quantile(first, 0.95), "count": first.total},
            }
    return found
