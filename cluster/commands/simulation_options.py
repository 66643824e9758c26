"""The options that ``tercet backtest`` and ``tercet tune`` share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands.problems_shown import config_or_exit
from deployments.quantities import seconds

if TYPE_CHECKING:
    from autoscale.backtest.entrants import Entrant
    from cluster.backtesting.options import Asked


def duration(told: str | float) -> float:
    """Read a duration of the command line, such as 180s or 3.5d; a default is one already."""
    if isinstance(told, float):
        return told
    try:
        return seconds(float(told) if told.replace(".", "", 1).isdigit() else told)
    except ValueError as error:
        raise typer.BadParameter(f"{told!r} {error}") from error


def moment(told: str | float) -> float:
    """Read a moment of the command line, such as 2024-05-10T00:00Z, as Unix time."""
    if isinstance(told, float):
        return told
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter(f"{told!r} is not a moment with its zone, such as 2024-05-10T00:00Z")
    return found.timestamp()


Document = Annotated[Path, typer.Option("--config", help="The Tercet document whose pools and policy are tried.")]
Traces = Annotated[
    list[str],
    typer.Option("--trace", help="[POOL=]PATH: a CSV of requests or of rates, or Tercet's record; one for each pool."),
]
Profiles = Annotated[
    list[str] | None, typer.Option("--profile", help="[POOL=]FILE, or the name of a profile that comes with Tercet.")
]
LengthFiles = Annotated[
    list[Path] | None, typer.Option("--lengths", help="For rates: a file of pairs, or one of prompts, one of outputs.")
]
Scale = Annotated[float, typer.Option("--scale", min=1e-6, max=1e6, help="How many times the requests.")]
ColdStart = Annotated[
    float | None,
    typer.Option(
        "--cold-start", parser=duration, metavar="DURATION", help="The median start, such as 180s; else the profile's."
    ),
]
CapacityError = Annotated[
    float,
    typer.Option("--capacity-error", min=-0.9, max=9.0, help="By how much policies overestimate engines; 0.2 is 20 %."),
]
Began = Annotated[
    float | None,
    typer.Option(
        "--began",
        parser=moment,
        metavar="TIME",
        help="When the first row of a CSV was, such as 2024-05-10T00:00Z; Tercet's record knows.",
    ),
]
Slo = Annotated[
    float, typer.Option("--slo", min=0.5, max=0.99999, help="The share of requests to be within every target.")
]
Interval = Annotated[
    float, typer.Option("--interval", parser=duration, metavar="DURATION", help="How often policies decide.")
]


def asked_or_exit(
    command: str,
    document: Path,
    traces: list[str],
    profiles: list[str] | None,
    lengths: list[Path] | None,
    scale: float,
    cold_start: float | None,
    capacity_error: float,
    interval: float,
    began: float | None,
) -> Asked:
    """Put the arguments together, or say what is wrong with them and exit 1."""
    from cluster.backtesting.options import asked  # noqa: PLC0415  # numpy is not for every command
    from cluster.backtesting.scenario import Weather  # noqa: PLC0415
    from cluster.backtesting.traces import Reading  # noqa: PLC0415

    config = config_or_exit(document)
    reading = Reading(lengths=tuple(lengths or ()), scale=scale)
    weather = Weather(interval_s=interval, cold_start_s=cold_start, capacity_error=capacity_error)
    with told(command):
        return asked(document, config, traces, profiles or [], reading, weather, began)


def timed_or_refused(asked: Asked, entrants: Iterable[Entrant]) -> None:
    """Raise ValueError where an entrant goes by the clock and nobody knows when the traces began."""
    by_the_clock = [one.name for one in entrants if one.by_the_clock]
    if by_the_clock and asked.began_s is None:
        raise ValueError(
            f"{by_the_clock[0]}: has a schedule, and the traces do not say when they began; "
            "give --began, such as --began 2024-05-10T00:00Z"
        )


@contextmanager
def told(command: str) -> Iterator[None]:
    """Say what is wrong with a document, a trace, a profile or a policy, and exit 1."""
    from autoscale.sim.traces.tables import TraceError  # noqa: PLC0415
    from cluster.backtesting.scenario import Unsimulated  # noqa: PLC0415

    try:
        yield
    except (TraceError, Unsimulated, ValueError, OSError) as error:
        typer.echo(f"tercet {command}: {error}", err=True)
        raise typer.Exit(1) from None
