"""How fast a goal's budget of errors is used up: recording rules, and alerts on two windows each.

Windows and shares of the budget are those of the SRE workbook, chapter 5 (multiwindow, multi-burn-rate alerts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.rendering.alert import Alert
from deployments.objectives.spec import POOL
from deployments.telemetry.catalogue.requests import GOAL_MISSED, GOAL_REQUESTS, JUDGED, WITHIN

HOUR_S = 3600.0
SHARE = "tercet:goal_share"
LEFT = "tercet:goal_budget_left:ratio"
# Whoever promises little is told of a total outage all the same.
_HIGHEST = 0.9


@dataclass(frozen=True, slots=True)
class Burn:
    """An alert goes off when ``spent`` of the budget would be gone after ``long_s``, and it goes on over ``short``."""

    severity: str
    spent: float
    long_s: float
    long: str
    short: str


BURNS = (
    Burn("page", 0.02, HOUR_S, "1h", "5m"),
    Burn("page", 0.05, 6 * HOUR_S, "6h", "30m"),
    Burn("ticket", 0.10, 24 * HOUR_S, "1d", "2h"),
    Burn("ticket", 0.10, 72 * HOUR_S, "3d", "6h"),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def ratio(window: str) -> str:
    """Return the name of the share of requests that missed a goal in the last *window*."""
    return f"tercet:goal_missed:ratio_rate{window}"


def recordings(goals: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Yield the rules for *goals*, by name and share; those of pools are judged by the pools' own targets."""
    for goal, share in goals.items():
        yield {"record": SHARE, "expr": f"vector({share})", "labels": {"goal": goal}}
    for window in WINDOWS:
        yield {"record": ratio(window), "expr": f"{_of_goals('rate', window)}\nor\n{_of_pools('rate', window)}"}


def budgets(window_s: float) -> Iterator[dict[str, Any]]:
    """Yield the rule for what is left of each budget of *window_s* seconds."""
    window = f"{round(window_s / HOUR_S)}h"
    missed = f"({_of_goals('increase', window)}\nor\n{_of_pools('increase', window)})"
    yield {"record": LEFT, "expr": f"1 - {missed} / on (goal) (1 - {SHARE})"}


def burning(window_s: float) -> Iterator[Alert]:
    """Yield the alerts; a budget lasts *window_s* seconds."""
    for burn in BURNS:
        factor = burn.spent * window_s / burn.long_s
        if factor < 1:  # what lasts longer than its window is no burn
            continue
        limit = f"on (goal) clamp_max({factor:.6g} * (1 - {SHARE}), {_HIGHEST})"
        yield Alert(
            name="TercetErrorBudgetBurn",
            expr=f"{ratio(burn.long)} > {limit}\nand on (goal)\n{ratio(burn.short)} > {limit}",
            severity=burn.severity,
            for_s=120.0,
            labels={"window": burn.long},
            summary="Goal {{ $labels.goal }} uses up its errors too fast",
            text=f"{{{{ $value | humanizePercentage }}}} of the requests of the last {burn.long} missed goal "
            f"{{{{ $labels.goal }}}}: {factor:.3g} times what its budget allows.",
            runbook="error-budget-burn",
        )


def _of_goals(by: str, window: str) -> str:
    missed, judged = (f"sum by (goal) ({by}({one.sample}[{window}]))" for one in (GOAL_MISSED, GOAL_REQUESTS))
    return f"{missed} / ({judged} > 0)"


def _of_pools(by: str, window: str) -> str:
    judged, within = (f"sum by (pool) ({by}({one.sample}[{window}]))" for one in (JUDGED, WITHIN))
    share = f"({judged} - {within}) / ({judged} > 0)"
    return f'sum by (goal) (label_replace({share}, "goal", "{POOL}$1", "pool", "(.*)"))'
