"""One panel of a dashboard, from what the catalogue says of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deployments.telemetry.catalogue.series import Series

RANGE = "$__rate_interval"
QUANTILES = (0.5, 0.95, 0.99)
Over = Literal["sum", "max"]


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and what its lines are called: ``{{label}}`` stands for a label's value."""

    expr: str
    legend: str
    exemplar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Lines over time; ``unit`` is Grafana's, ``text`` is shown with the title, ``width`` is in 24ths.

    The axis begins at ``floor``, None being where the lines do.
    """

    title: str
    text: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    floor: float | None = 0.0


# Grafana's names of the catalogue's units.
_LEVELS = {"seconds": "s", "share": "percentunit"}


def level(series: Series, *by: str, where: str = "", over: Over | None = None, title: str = "") -> Panel:
    """Show a gauge: what processes count adds up, what the controller says is there once."""
    how = over or ("max" if series.told_by == "controller" else "sum")
    query = Query(f"{how} by ({', '.join(by)}) ({series.sample}{where})", legend(by))
    return _panel(series, (query,), title, _LEVELS.get(series.unit, "short"))


def pace(series: Series, *by: str, where: str = "", title: str = "") -> Panel:
    """Show how much a counter grows in a second."""
    how = "max" if series.told_by == "controller" else "sum"
    query = Query(f"{how} by ({', '.join(by)}) (rate({series.sample}{where}[{RANGE}]))", legend(by))
    return _panel(series, (query,), title, "short", " Per second.")


def spread(series: Series, *by: str, where: str = "", at: Sequence[float] = QUANTILES, title: str = "") -> Panel:
    """Show quantiles of a histogram."""
    of = ", ".join(("le", *by))
    how = "max" if series.told_by == "controller" else "sum"
    inside = f"{how} by ({of}) (rate({series.sample}_bucket{where}[{RANGE}]))"
    queries = tuple(
        Query(f"histogram_quantile({q:g}, {inside})", f"p{100 * q:g} {legend(by)}".strip(), exemplar=True) for q in at
    )
    return _panel(series, queries, title, _LEVELS.get(series.unit, "short"))


def together(title: str, text: str, *panels: Panel, width: int = 8) -> Panel:
    """Put panels of one unit into one, each line under its series' title."""
    queries = tuple(
        Query(query.expr, f"{panel.title} {query.legend}".strip(), query.exemplar)
        for panel in panels
        for query in panel.queries
    )
    return Panel(title=title, text=text, unit=panels[0].unit, queries=queries, width=width)


def legend(by: Sequence[str]) -> str:
    """Return what a line is called that is of these labels."""
    return " ".join(f"{{{{{label}}}}}" for label in by)


def _panel(series: Series, queries: tuple[Query, ...], title: str, unit: str, told: str = "") -> Panel:
    return Panel(title=title or _title(series), text=series.text + told, unit=unit, queries=queries)


def _title(series: Series) -> str:
    name = series.name.removeprefix("tercet_")
    for group in ("autoscale_", "engine_", "pool_"):
        name = name.removeprefix(group)
    return name.removesuffix("_seconds").replace("_", " ").capitalize()
