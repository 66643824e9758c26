"""A comparison as a table for people and as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.table import Table

from cluster.comparison import MEASURES, Compared
from cluster.confidence import LEVEL, Estimate


def plain(by: str, found: list[Compared], currency: str = "") -> dict[str, Any]:
    """Return everything as JSON data; an estimate is ``{value, low, high}``, or null without values."""
    return {
        "by": by,
        "confidence": LEVEL,
        "currency": currency or None,
        "experiments": [
            {
                "name": one.name,
                "baseline": one.baseline,
                "arms": {arm: {"requests": one.requests[arm], **_plain(figures)} for arm, figures in one.arms.items()},
                "differences": {
                    arm: {**_plain(figures), "clear": [name for name, told in figures.items() if told and told.clear]}
                    for arm, figures in one.differences.items()
                },
            }
            for one in found
        ],
    }


def table(one: Compared, currency: str = "") -> Table:
    """Return a table with a column for each arm, and one for each arm's difference to the baseline."""
    page = Table(title=f"{one.name}: {100 * LEVEL:g} % confidence intervals in brackets, * where zero is outside")
    page.add_column("")
    for arm in one.arms:
        page.add_column(f"{arm} (baseline)" if arm == one.baseline else arm, justify="right")
    for arm in one.differences:
        page.add_column(f"{arm} − {one.baseline}", justify="right")
    page.add_row("requests", *(str(one.requests[arm]) for arm in one.arms), *("" for _ in one.differences))
    for name in (measure.name for measure in MEASURES):
        if any(figures[name] is not None for figures in one.arms.values()):
            arms = (_told(figures[name]) for figures in one.arms.values())
            differences = (_signed(figures[name]) for figures in one.differences.values())
            page.add_row(f"cost ({currency})" if currency and name == "cost" else name, *arms, *differences)
    return page


def _plain(figures: Mapping[str, Estimate | None]) -> dict[str, Any]:
    return {name: asdict(told) if told is not None else None for name, told in figures.items()}


def _told(estimate: Estimate | None, sign: str = "") -> str:
    if estimate is None:
        return "-"
    bounds = ("?" if bound is None else f"{bound:{sign}.3g}" for bound in (estimate.low, estimate.high))
    return f"{estimate.value:{sign}.3g} [{', '.join(bounds)}]"


def _signed(estimate: Estimate | None) -> str:
    return _told(estimate, "+") + (" *" if estimate is not None and estimate.clear else "")
