"""How fast a goal's budget of errors is used up: recording rules, and alerts on two windows each.

Windows and shares of the budget are those of the SRE workbook, chapter 5 (multiwindow, multi-burn-rate alerts).
"""

from __future__ import annotations

from collections.abc import Iterator
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

    def factor(self, window_s: float) -> float:
        """Return how many times faster than a budget of *window_s* seconds may be used up that is; less is no burn."""
        return self.spent * window_s / self.long_s


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


def promised(goal: str, share: str) -> dict[str, Any]:
    """Return the rule that knows the *share* of the requests that a goal promises."""
    return {"record": SHARE, "expr": f"vector({share})", "labels": {"goal": goal}}


def recordings() -> Iterator[dict[str, Any]]:
    """Yield the rules for what is missed of goals; those of pools are judged by the pools' own targets."""
    for window in WINDOWS:
        yield {"record": ratio(window), "expr": f"{_of_goals('rate', window)}\nor\n{_of_pools('rate', window)}"}


def budget(hours: str) -> dict[str, Any]:
    """Return the rule for what is left of each budget, which lasts so many *hours*."""
    missed = f"({_of_goals('increase', f'{hours}h')}\nor\n{_of_pools('increase', f'{hours}h')})"
    return {"record": LEFT, "expr": f"1 - {missed} / on (goal) (1 - {SHARE})"}


def burning(burn: Burn, factor: str, roughly: str) -> Alert:
    """Return the alert on a budget that is used up *factor* times as fast as it may be."""
    limit = f"on (goal) clamp_max({factor} * (1 - {SHARE}), {_HIGHEST})"
    return Alert(
        name="TercetErrorBudgetBurn",
        expr=f"{ratio(burn.long)} > {limit}\nand on (goal)\n{ratio(burn.short)} > {limit}",
        severity=burn.severity,
        lasting="120s",
        labels={"window": burn.long},
        summary="Goal {{ $labels.goal }} uses up its errors too fast",
        text=f"{{{{ $value | humanizePercentage }}}} of the requests of the last {burn.long} missed goal "
        f"{{{{ $labels.goal }}}}: {roughly} times what its budget allows.",
        runbook="error-budget-burn",
    )


def _of_goals(by: str, window: str) -> str:
    missed, judged = (f"sum by (goal) ({by}({one.sample}[{window}]))" for one in (GOAL_MISSED, GOAL_REQUESTS))
    return f"{missed} / ({judged} > 0)"


def _of_pools(by: str, window: str) -> str:
    judged, within = (f"sum by (pool) ({by}({one.sample}[{window}]))" for one in (JUDGED, WITHIN))
    share = f"({judged} - {within}) / ({judged} > 0)"
    return f'sum by (goal) (label_replace({share}, "goal", "{POOL}$1", "pool", "(.*)"))'
