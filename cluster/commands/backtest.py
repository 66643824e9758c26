"""``tercet backtest``: what every policy and every peer would have done with recorded traffic, by simulation."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from cluster.commands import simulation_options as options
from cluster.commands.simulation_options import asked_or_exit, duration, timed_or_refused, told

if TYPE_CHECKING:
    from autoscale.backtest.entrants import Entrant
    from autoscale.backtest.report import Report
    from cluster.backtesting.options import Asked

PLAIN_WIDTH = 320


def backtest(
    config: options.Document,
    trace: options.Traces,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="`config`, a kind of policy, or a peer; may be repeated. Without it: config and all peers."),
    ] = None,
    profile: options.Profiles = None,
    lengths: options.LengthFiles = None,
    scale: options.Scale = 1.0,
    began: options.Began = None,
    cold_start: options.ColdStart = None,
    capacity_error: options.CapacityError = 0.0,
    slo: options.Slo = 0.999,
    interval: options.Interval = 5.0,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            max=100,
            help="How many runs of each, with other luck; of rates with other requests, of records the same requests.",
        ),
    ] = 1,
    tuned: Annotated[bool, typer.Option(help="Also tune each peer, on what comes before --tune-until.")] = False,
    tune_until: Annotated[
        float | None,
        typer.Option(
            parser=duration, metavar="DURATION", help="Tune up to here, such as 3.5d, and judge only what comes after."
        ),
    ] = None,
    until: Annotated[
        float, typer.Option(parser=duration, metavar="DURATION", help="Judge no further than this.")
    ] = math.inf,
    hindsight: Annotated[bool, typer.Option(help="Also find the optimum, the oracle and fixed sizes.")] = True,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="How many processes.")] = 1,
    html: Annotated[Path | None, typer.Option(help="Where the report goes: one HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare policies and peers on recorded traffic: SLO against GPU-hours or cost, beside what was possible."""
    if tuned and tune_until is None:
        raise typer.BadParameter("tuning needs traffic of its own; say where that ends", param_hint="--tune-until")
    asked = asked_or_exit(
        "backtest", config, trace, profile, lengths, scale, cold_start, capacity_error, interval, began
    )
    with told("backtest"):
        from autoscale.backtest.entrants import configured, named, peers  # noqa: PLC0415  # not for every command

        spec = asked.config.autoscale
        entrants = named(policy, spec) if policy else (configured(spec), *peers())
        timed_or_refused(asked, entrants)
        report = _run(
            asked,
            entrants,
            slo,
            range(seeds),
            tune_until if tuned else None,
            (tune_until or 0.0, until),
            hindsight,
            jobs,
        )
        if html is not None:
            from autoscale.backtest.page import page  # noqa: PLC0415

            html.write_text(page([report]), encoding="utf-8")
    if as_json:
        print(json.dumps(report.plain(), indent=2))
        return
    console = Console()
    console = console if console.is_terminal else Console(width=PLAIN_WIDTH)
    console.print(Text(report.calibration))
    console.print(_table(report))
    if report.certificate is not None:
        console.print(Text(report.certificate.told))


def _run(
    asked: Asked,
    entrants: Sequence[Entrant],
    share: float,
    seeds: Sequence[int],
    tune_until: float | None,
    judged: tuple[float, float],
    hindsight: bool,
    jobs: int,
) -> Report:
    from autoscale.backtest.protocol import made, tasks  # noqa: PLC0415
    from autoscale.backtest.report import Report  # noqa: PLC0415
    from autoscale.backtest.yardstick import measured  # noqa: PLC0415

    trial = asked.trial(*judged)
    tune_on = asked.trial(0.0, tune_until) if tune_until is not None else None
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("measuring what a replica carries", total=None)
        sticks = measured(trial, share)
        work = tasks(trial, sticks, entrants, tuple(seeds), share, tune_on=tune_on, hindsight=hindsight)
        progress.update(bar, total=len(work))
        rows = list(made(work, jobs, lambda name: progress.update(bar, advance=1, description=f"done: {name}")))
    return Report(trial=trial, sticks=sticks, share=share, rows=rows, period=_period(judged))


def _period(judged: tuple[float, float]) -> str:
    begin, end = (f"{at / 86400:g}" for at in judged)
    return f"(days {begin} to {end})" if judged[1] < math.inf else f"(from day {begin} on)" if judged[0] else ""


def _table(report: Report) -> Table:
    from autoscale.backtest.columns import COLUMNS, written  # noqa: PLC0415
    from autoscale.backtest.hindsight import optimum_name  # noqa: PLC0415

    page = Table(box=box.SIMPLE_HEAD, title=f"{report.trial.name} {report.period}".strip())
    page.add_column("policy")
    for head in (f"× {optimum_name(report.share)}", *(column.head for column in COLUMNS)):
        page.add_column(head, justify="right")
    for row in report.rows:
        style = "bold" if row.kind == "policy" else "dim" if row.kind in {"static", "foresight"} else None
        cells = (written(report.ratios[row.name], "{:.3f}"), *(column.told(row.figures) for column in COLUMNS))
        page.add_row(Text(row.name), *cells, style=style)
    return page
