"""``tercet cost``: what tenants and models came to, as a table, as CSV, as JSON or as a drawing."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from cluster.cost_page import csv_text, drawing, plain, table
from cluster.obstacles import CannotServeError
from cluster.run_state import BOOK, read, state_dir
from cluster.running_plan import recall
from deployments.cost.book import BookError, Entry, entries
from deployments.cost.lines import HOUR_S
from deployments.cost.spread import BYS, By, Idle, totals

PLAIN_WIDTH = 240
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|h|d|w)")
_UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def cost(
    by: Annotated[str, typer.Option(help=f"One or more of {', '.join(BYS)}, by commas.")] = "tenant,model",
    since: Annotated[str, typer.Option(help="How far back, such as 90m, 24h or 7d; or a day or a time (UTC).")] = "7d",
    until: Annotated[str, typer.Option(help="Up to when, alike; by default up to now.")] = "",
    idle: Annotated[
        Idle, typer.Option(help="What pools did nothing: dealt out to their users, apart, or left out.")
    ] = "spread",
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Where a drawing goes, hour by hour: one HTML file.")] = None,
    port: Annotated[int, typer.Option(help="The gateway's port.")] = 8000,
    file: Annotated[Path | None, typer.Option(help="What is kept of cost, such as a copy from elsewhere.")] = None,
) -> None:
    """Show seconds of devices, the part of them in which nothing was to do, tokens, and money where prices are known.

    Sums are kept by the hour: what is asked for begins and ends with whole ones. Seconds of GPUs are shared as those
    of CPUs are, and have not been held against a GPU yet.
    """
    if csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other", param_hint="--csv")
    asked, now_s = _bys(by), time.time()
    until_s = _instant(until, now_s, "--until") if until else now_s
    span = int(_instant(since, now_s, "--since") // HOUR_S), int(-(-until_s // HOUR_S))
    try:
        kept = list(_kept(state_dir(port), span) if file is None else entries(file, *span))
        if plot is not None:
            plot.write_text(drawing(totals(kept, ("hour", *asked), idle), asked), encoding="utf-8")
    except (BookError, CannotServeError, OSError) as error:
        _stop(str(error))
    found = totals(kept, asked, idle)
    if csv:
        sys.stdout.write(csv_text(found, asked))
    elif as_json:
        print(json.dumps(plain(found, asked), indent=2))
    else:
        console = Console()
        (console if console.is_terminal else Console(width=PLAIN_WIDTH)).print(table(found, asked))


def _kept(directory: Path, span: tuple[int, int]) -> Iterable[Entry]:
    """Read what is kept of a run, whether it still runs or not; ask its controller where that is on another machine."""
    found = recall(directory)
    path = Path((found.plan.costs.get("file") if found is not None else None) or directory / BOOK)
    if path.is_file() or read(directory) is None:
        return entries(path, *span)
    from cluster.lifecycle.attached import attached  # noqa: PLC0415 - a copy on this machine needs no Ray
    from cluster.lifecycle.fleet import fleet_costs  # noqa: PLC0415

    with attached(directory):
        return fleet_costs(*span)


def _bys(text: str) -> tuple[By, ...]:
    names = [one.strip() for one in text.split(",")]
    found = tuple(one for one in BYS if one in names)
    if len(found) != len(names):
        raise typer.BadParameter(f"write one or more of {', '.join(BYS)}, each once, by commas", param_hint="--by")
    return tuple(sorted(found, key=names.index))


def _instant(text: str, now_s: float, option: str) -> float:
    """Read a span before *now_s* or an instant, in Unix seconds."""
    if (span := _SPAN.fullmatch(text)) is not None:
        return max(0.0, now_s - float(span[1]) * _UNITS_S[span[2]])
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    rule = "write a span such as 90m, 24h, 7d or 2w, or an instant in UTC such as 2026-11-01 or 2026-11-01T08:00"
    raise typer.BadParameter(rule, param_hint=option)


def _stop(message: str) -> NoReturn:
    print(f"tercet cost: {message}", file=sys.stderr)
    raise typer.Exit(1)
