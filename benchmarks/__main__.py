"""``python -m benchmarks``: measure the contenders in turns on this machine, print the ratios, keep the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from benchmarks import report, results
from benchmarks.contenders.places import scratch_directory
from benchmarks.contenders.server import DidNotStartError
from benchmarks.measure import LoadFailedError
from benchmarks.plot import plot
from benchmarks.real import measure_real
from benchmarks.second_opinion import ToolFailedError
from benchmarks.setup import facts, utc_now
from benchmarks.synthetic import measure_synthetic

Only = Literal["real", "synthetic", "ttft"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much to measure; pairs are for the added time to the first token."""

    rounds: int
    pairs: int
    opinion_rounds: int


QUICK = Extent(rounds=1, pairs=20, opinion_rounds=0)


def main(
    only: Annotated[Only | None, typer.Option(help="Measure this part alone and keep the rest of the results.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 5,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs for the added time to the first token.")] = 240,
    opinion_rounds: Annotated[int, typer.Option(min=0, help="Rounds of vLLM's own load tool.")] = 1,
    *,
    quick: Annotated[bool, typer.Option(help="One round, few pairs, nothing written: a first look.")] = False,
) -> None:
    """Measure Tercet beside raw vLLM, ray.serve.llm and plain uvicorn."""
    extent = QUICK if quick else Extent(rounds=rounds, pairs=pairs, opinion_rounds=opinion_rounds)
    try:
        found = _measured(only, extent)
    except (DidNotStartError, LoadFailedError, ToolFailedError) as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(1) from error
    if not quick:
        found = _kept(found, only)
    report.show(found)


def _measured(only: Only | None, extent: Extent) -> results.Results:
    found = results.Results(at=utc_now(), setup=facts())
    with scratch_directory() as directory:
        if only in {None, "synthetic", "ttft"}:
            count = 0 if only == "ttft" else extent.rounds
            measure_synthetic(found, directory, count=count, pairs=extent.pairs, say=typer.echo)
        if only in {None, "real"}:
            measure_real(found, directory, count=extent.rounds, opinions=extent.opinion_rounds, say=typer.echo)
    return found


def _kept(found: results.Results, only: Only | None) -> results.Results:
    """Write *found* over what an earlier run found of the same parts."""
    file = results.FOLDER / "latest.json"
    if only is not None and file.exists():
        found = results.merged(results.load(file), found, [only])
    results.write(found)
    (results.FOLDER / "README.md").write_text(report.markdown(found), encoding="utf-8")
    plot(found, results.FOLDER / "latest.png")
    return found


if __name__ == "__main__":
    typer.run(main)
