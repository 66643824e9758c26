"""The autoscaler against its peers and against what was possible, by simulation on recorded workloads.

``python -m benchmarks.autoscale`` writes ``results/autoscale.json`` and ``results/autoscale.md``. What needs a trace
that is not there is left out, and said so. Every policy and peer is at its defaults and judged on the second half of
recorded workloads; with ``--tuned`` peers are also tuned on the first. With ``--memory`` what was worked out before by
the same code is not worked out again. ``--plan short`` runs one line after the other of what the short evaluation
consists of, in the order of what matters, and writes every figure that the autoscaler is held to after each; killed and
begun again it goes on. ``--list`` says what that would be.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autoscale.backtest.columns import COLUMNS, written
from autoscale.backtest.entrants import named
from autoscale.backtest.hindsight import finders
from autoscale.backtest.memory import Memory
from autoscale.backtest.protocol import Row, made, tasks
from autoscale.backtest.report import Report
from autoscale.backtest.yardstick import measured
from autoscale.spec import AutoscaleSpec
from benchmarks.autoscale_pages import write
from benchmarks.autoscale_plan import PLANS, Plan, estimated_s
from benchmarks.autoscale_planned import Bench, Told, run
from benchmarks.autoscale_sets import SETTINGS, Setting
from benchmarks.autoscale_trials import DAY_S, SHARE, trial_of

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
POLICIES = (
    *(
        "sla",
        "queue",
        "ray-serve",
        "hpa-ongoing",
        "hpa-kv",
        "hpa-knee-70",
        "hpa-knee-78",
        "hpa-knee-85",
        "keda-waiting",
    ),
    *("epp-keda", "knative", "aibrix-apa", "aibrix-kpa", "aibrix-kpa-restored", "wva-v1", "wva-v2", "wva-inferno"),
    *("dynamo-easy", "dynamo-load", "dynamo-throughput", "dynamo-both", "chiron", "heteroscale"),
)


def judged(span_s: float, given: argparse.Namespace, *, whole: bool = False) -> tuple[float, float]:
    """Return from when and up to when a workload of this span is judged: its second half unless told otherwise.

    A *whole* one is judged from its beginning. Raises ValueError where nothing is left.
    """
    end_s = min(given.until_day * DAY_S, span_s)
    half_s = 0.0 if whole else 0.5 * end_s
    begin_s = half_s if given.tune_until is None else given.tune_until * DAY_S
    if begin_s >= end_s:
        raise ValueError(f"--tune-until {given.tune_until:g} leaves nothing of {end_s / DAY_S:.3g} days to judge")
    return begin_s, end_s


def reports(chosen: Sequence[Setting], given: argparse.Namespace) -> Iterator[Report]:
    """Yield the report of every workload of every chosen setting whose files are there."""
    entrants, memory = named(given.policies, AutoscaleSpec()), Memory(given.memory)
    for setting in chosen:
        for workload in filter(lambda one: _chosen(one.name, given.workloads), setting.workloads):
            if missing := workload.missing(given.traces):
                print(f"{setting.name}: {workload.name} left out, {given.traces} has no {', '.join(missing)}")
                continue
            begin_s, end_s = judged(workload.rates(given.traces).span_s, given, whole=workload.made_up)
            of = partial(trial_of, setting, workload, given.traces, seed=given.seed, memory=memory)
            trial = of(from_s=begin_s, until_s=end_s)
            first = of(from_s=0.0, until_s=begin_s) if given.tuned and begin_s > 0 else None
            sticks = measured(trial, SHARE, memory)
            seeds = tuple(range(given.seeds))
            work = tasks(trial, sticks, entrants, seeds, SHARE, tune_on=first, hindsight=given.hindsight, memory=memory)
            rows = list(made(work, given.jobs, lambda name: print(f"  {name}", flush=True)))
            yield Report(
                trial=trial,
                sticks=sticks,
                share=SHARE,
                rows=rows,
                period=f"days {begin_s / DAY_S:.3g} to {end_s / DAY_S:.3g}",
            )


def _chosen(name: str, parts: Sequence[str]) -> bool:
    return not parts or any(part in name for part in parts)


def markdown(report: Report) -> str:
    """Return one report as a table; with several seeds the bounds of the paired bootstrap stand beside the ratios."""
    heads = ["policy", "× OPT99.9", f"× {report.rows[0].name}", *(column.head for column in COLUMNS)]
    lines = [f"### {report.trial.name}, {report.period}", "", f"{report.calibration}", ""]
    lines += [f"| {' | '.join(heads)} |", f"|---{'|--:' * (len(heads) - 1)}|"]
    for row in report.rows:
        cells = [written(report.ratios[row.name], "{:.3f}"), _beside(report, row)]
        cells += [column.told(row.figures) for column in COLUMNS]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    if report.certificate is not None:
        lines += ["", report.certificate.told]
    return "\n".join(lines) + "\n"


def _beside(report: Report, row: Row) -> str:
    found = report.paid_beside(row)
    if found is None:
        return "–"
    bounds = f" ({found.low:.3f}–{found.high:.3f})" if len(row.seeds) > 1 else ""
    return f"{found.value:.3f}{bounds}"


def planned(plan: Plan, given: argparse.Namespace) -> None:
    """Run the steps of a plan whose files are there, and write the results after each."""
    bench = Bench(traces=given.traces, memory=Memory(given.memory), seed=given.seed)
    steps = [step for step in plan.steps if _chosen(step.part.name, given.workloads)]
    told = {part: Told() for part in dict.fromkeys(step.part for step in steps)}
    whole_s = sum(estimated_s(step, given.traces) for step in steps if not step.part.workload.missing(given.traces))
    print(f"{len(steps)} steps, about {whole_s / 60:.0f} minutes on one core", flush=True)
    for at, step in enumerate(steps):
        name = f"{step.kind}: {step.part.name}"
        if missing := step.part.workload.missing(given.traces):
            print(f"{name} left out, {given.traces} has no {', '.join(missing)}")
            continue
        print(f"{at + 1}/{len(steps)} {name}, about {estimated_s(step, given.traces):.0f} s", flush=True)
        if given.list:
            continue
        began_s = time.monotonic()
        run(step, bench, told[step.part])
        page = write(given.output, plan, told, bench, steps[at + 1 :])
        print(f"  after {time.monotonic() - began_s:.0f} s", flush=True)
    if not given.list and any(one.rows for one in told.values()):
        print(page)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen settings and write the results after each workload."""
    parser = argparse.ArgumentParser(description="Backtest the autoscaler and its peers on recorded workloads.")
    parser.add_argument("--traces", type=Path, default=ROOT.parent / "shared" / "traces")
    parser.add_argument("--settings", nargs="*", default=[], help="parts of their names; all without")
    parser.add_argument("--policies", nargs="*", default=list(POLICIES))
    parser.add_argument("--workloads", nargs="*", default=[], help="parts of their names; all without")
    parser.add_argument("--tune-until", type=float, default=None, help="day from which runs are judged; half without")
    parser.add_argument("--tuned", action="store_true", help="also tune peers on what comes before --tune-until")
    parser.add_argument("--until-day", type=float, default=math.inf)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the requests")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--hindsight", nargs="*", default=list(finders(SHARE)), help="rows that know the future")
    parser.add_argument("--memory", type=Path, default=None, help="file for what need not be worked out again")
    parser.add_argument("--plan", choices=list(PLANS), default=None, help="a short evaluation, line by line")
    parser.add_argument("--list", action="store_true", help="say what the plan would run, and how long that takes")
    parser.add_argument("--output", type=Path, default=RESULTS / "autoscale.json")
    given = parser.parse_args(arguments)
    if given.plan is not None:
        planned(PLANS[given.plan], given)
        return
    chosen = [one for one in SETTINGS if _chosen(one.name, given.settings)]
    plain: list[dict[str, Any]] = []
    pages: list[str] = []
    for report in reports(chosen, given):
        plain.append(report.plain())
        pages.append(markdown(report))
        given.output.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        given.output.with_suffix(".md").write_text("\n".join(pages), encoding="utf-8")
        print(pages[-1], flush=True)


if __name__ == "__main__":
    main()
