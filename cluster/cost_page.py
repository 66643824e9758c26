"""What groups came to as a table for people, as CSV, as plain JSON, and as a drawing."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from deployments.cost.spread import By, Group, Total

_NUMBERS = (
    "calls", "prompt_tokens", "completion_tokens", "seconds", "gpu_seconds", "idle_gpu_seconds", "cpu_seconds",
    "idle_cpu_seconds",
)  # fmt: skip
_TOP = 12
Totals = Mapping[Group, Total]


def plain(found: Totals, by: Sequence[By]) -> dict[str, Any]:
    """Return everything as JSON data."""
    groups = [{**dict(zip(by, group, strict=True)), **asdict(total)} for group, total in found.items()]
    return {"by": list(by), "groups": groups, "unverified": ["gpu_seconds", "idle_gpu_seconds"]}


def csv_text(found: Totals, by: Sequence[By]) -> str:
    """Return a line for each group, with a column for each currency."""
    currencies = _currencies(found.values())
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*by, *_NUMBERS, *(f"{kind}_{currency}" for kind, currency in currencies)))
    for group, total in found.items():
        numbers = (round(getattr(total, name), 6) for name in _NUMBERS)
        writer.writerow((*map(_harmless, group), *numbers, *(_money(total, *one) for one in currencies)))
    return out.getvalue()


def table(found: Totals, by: Sequence[By]) -> Table:
    """Return a table with the sum of all in its last line."""
    whole, currencies = _sum(found.values()), _currencies(found.values())
    devices = [name for name in ("gpu", "cpu") if getattr(whole, f"{name}_seconds")]
    page = Table(box=box.SIMPLE_HEAD, show_footer=True)
    for at, name in enumerate(by):
        page.add_column(name, footer="all" if at == 0 else "")
    heads = ("calls", "prompt", "completion", *(f"{name}-s" for name in devices), *(["idle"] if devices else []))
    money = [f"{'machines' if kind == 'machines' else 'listed'} {currency}" for kind, currency in currencies]
    for head, footer in zip((*heads, *money), _cells(whole, devices, currencies), strict=True):
        page.add_column(head, footer=footer, justify="right")
    for group, total in found.items():
        page.add_row(*map(Text, group), *_cells(total, devices, currencies))
    if whole.gpu_seconds:
        page.caption = "gpu-s are derived as cpu-s are; not verified on a GPU yet"
    return page


def drawing(hourly: Totals, by: Sequence[By]) -> str:
    """Return an HTML page with the seconds of each hour, stacked by group; *hourly* is grouped by hour first."""
    # A second of imports that only this needs.
    graphs: Any = import_module("plotly.graph_objects")
    courses: dict[str, dict[str, float]] = defaultdict(dict)
    for (hour, *group), total in hourly.items():
        courses[" / ".join(group)][hour] = total.gpu_seconds or total.cpu_seconds or total.seconds
    largest = sorted(courses, key=lambda name: -sum(courses[name].values()))
    figure = graphs.Figure()
    for name in largest[:_TOP]:
        figure.add_bar(name=name, x=list(courses[name]), y=list(courses[name].values()))
    if rest := largest[_TOP:]:
        together: dict[str, float] = defaultdict(float)
        for name in rest:
            for hour, seconds in courses[name].items():
                together[hour] += seconds
        figure.add_bar(name=f"{len(rest)} more", x=list(together), y=list(together.values()))
    figure.update_layout(
        barmode="stack", title=f"Device-seconds by {', '.join(by)}", xaxis={"title": "hour (UTC)", "type": "date"},
        yaxis={"title": "seconds of GPUs, of CPUs where there are none"}, template="plotly_white",
    )  # fmt: skip
    return str(figure.to_html(full_html=True, include_plotlyjs=True))


def _cells(total: Total, devices: Sequence[str], currencies: Sequence[tuple[str, str]]) -> list[str]:
    counts = [f"{total.calls:,}", f"{total.prompt_tokens:,}", f"{total.completion_tokens:,}"]
    seconds = [f"{getattr(total, f'{name}_seconds'):,.1f}" for name in devices]
    money = [f"{_money(total, *one):,.6g}" for one in currencies]
    return [*counts, *seconds, *([_idle(total, devices)] if devices else []), *money]


def _idle(total: Total, devices: Sequence[str]) -> str:
    whole = sum(getattr(total, f"{name}_seconds") for name in devices)
    unused = sum(getattr(total, f"idle_{name}_seconds") for name in devices)
    return f"{100 * unused / whole:.1f}%" if whole else "-"


def _currencies(totals: Iterable[Total]) -> list[tuple[str, str]]:
    found = {
        (kind, currency) for total in totals for kind in ("machines", "listed") for currency in getattr(total, kind)
    }
    return sorted(found, key=lambda one: (one[0] != "machines", one[1]))


def _money(total: Total, kind: str, currency: str) -> float:
    return round(float(getattr(total, kind).get(currency, 0.0)), 9)


def _sum(totals: Iterable[Total]) -> Total:
    whole = Total()
    for total in totals:
        for name in _NUMBERS:
            setattr(whole, name, getattr(whole, name) + getattr(total, name))
        for kind in ("machines", "listed"):
            into = getattr(whole, kind)
            for currency, amount in getattr(total, kind).items():
                into[currency] = into.get(currency, 0.0) + amount
    return whole


def _harmless(text: str) -> str:
    """Keep a tenant's name from being a formula in whatever opens the file."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
