"""The autoscaler against its peers and against what was possible, by simulation on recorded workloads.

``python -m benchmarks.autoscale`` writes ``results/autoscale.json`` and ``results/autoscale.md``. What needs a trace
that is not there is left out, and said so. Every policy and peer is at its defaults and judged on the second half of
recorded workloads; with ``--tuned`` peers are also tuned on the first. With ``--memory`` what was worked out before by
the same code is not worked out again.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autoscale.arbiter.spec import BrownOutSpec
from autoscale.backtest import calibrate
from autoscale.backtest.columns import COLUMNS, written
from autoscale.backtest.demand import engine_seconds
from autoscale.backtest.entrants import named
from autoscale.backtest.hindsight import finders
from autoscale.backtest.memory import Memory, key_of
from autoscale.backtest.protocol import Row, made, tasks
from autoscale.backtest.report import Report
from autoscale.backtest.trial import Trial
from autoscale.backtest.yardstick import measured
from autoscale.capacity.profile import StartTimes
from autoscale.fleet import Slo
from autoscale.hardware import Hardware
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.profiles import shipped
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.sim.traces.generated import Generated
from autoscale.sim.traces.lengths import Lengths
from autoscale.spec import AutoscaleSpec
from benchmarks.autoscale_sets import SETTINGS, Setting, Workload
from cluster.backtesting.scenario import shipped_path, source_of

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PROFILE = "llama2-70b-h100-tp8"
STAND_IN = "llama3-8b-a100-tp2"
# A step with a full chunk of prompts takes 0.12 s on this engine: a tighter TPOT would leave it nearly idle.
SLO = Slo(ttft_p95_s=2.0, tpot_p95_s=0.2)
SHARE = 0.999
MEAN_REPLICAS = 12
MOST_REPLICAS = 60
DAY_S = 86_400.0
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


def trial_of(
    setting: Setting,
    workload: Workload,
    folder: Path,
    *,
    from_s: float,
    until_s: float,
    seed: int,
    memory: Memory | None = None,
) -> Trial:
    """Return one workload scaled to a mean of twelve replicas, from and up to a time of it."""
    memory = memory or Memory()
    profile = shipped(PROFILE)
    profile = replace(profile, starts=StartTimes(median_s=setting.cold_start_s, sigma=0.2, failure_share=0.01))
    pool = SimPool(
        name="pool",
        min_replicas=1,
        max_replicas=MOST_REPLICAS,
        initial_replicas=MEAN_REPLICAS,
        profile=profile,
        slo=SLO,
        hardware=Hardware(kind=profile.hardware, gpus=8.0, cost_per_hour=8.0),
    )
    lengths, whole = workload.lengths(folder), workload.rates(folder)
    rates = whole.scaled(MEAN_REPLICAS * _carried_rps(pool, lengths, memory))
    spare_rps = setting.stand_in * float(rates.rate_rps.max() - rates.rate_rps.min())
    pools = _pools(pool, lengths, spare_rps, memory)
    scenario = Scenario(pools=pools, capacity_error=setting.capacity_error, seed=seed)
    part = rates.between(from_s, until_s)
    trace = Generated(rates=part, lengths=lengths, seed=seed, noise=workload.noise)
    sources = {pool.name: source_of(shipped_path(PROFILE))}
    return Trial(
        name=f"{workload.name} ({setting.name})", scenario=scenario, arrivals={pool.name: trace}, sources=sources
    )


def _pools(pool: SimPool, lengths: Lengths, spare_rps: float, memory: Memory) -> tuple[SimPool, ...]:
    """Return the pool, and beside it an idle one of a smaller model that carries *spare_rps* of its requests."""
    if spare_rps <= 0:
        return (pool,)
    profile = shipped(STAND_IN)
    spare = replace(
        pool,
        name="stand-in",
        profile=replace(profile, starts=pool.profile.starts),
        hardware=Hardware(kind=profile.hardware, gpus=2.0, cost_per_hour=2.0),
    )
    count = math.ceil(spare_rps / (BrownOutSpec().spare * _carried_rps(spare, lengths, memory)))
    spare = replace(spare, min_replicas=count, initial_replicas=count, max_replicas=max(count, MOST_REPLICAS))
    return replace(pool, stand_ins=("stand-in",)), spare


def _carried_rps(pool: SimPool, lengths: Lengths, memory: Memory) -> float:
    prompt, output = lengths.draw(np.random.default_rng(0), 20_000)
    drawn = Arrivals(t_s=np.zeros(len(prompt)), prompt=prompt, output=output, cached=np.zeros(len(prompt), np.int32))

    def found() -> float:
        return calibrate.carried(
            Scenario(pools=(pool,)),
            pool,
            calibrate.Lengths(sample=drawn),
            engine_seconds(pool.profile.step),
            replicas=MEAN_REPLICAS,
            share=SHARE,
        ).rate_rps

    profile = replace(pool.profile, starts=StartTimes())
    key = key_of("replay", "carried", profile, pool.slo, prompt, output) if memory.path else ""
    return float(memory.recall(key, found))


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
    parser.add_argument("--output", type=Path, default=RESULTS / "autoscale.json")
    given = parser.parse_args(arguments)
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
