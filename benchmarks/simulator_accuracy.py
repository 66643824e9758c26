"""``python -m benchmarks.simulator_accuracy``: the simulator against the engine whose profile it has.

Both get the same requests, at shares of the knee that simulation finds for their lengths: the lengths are recorded ones
(azure2023_conv) divided by ``--scale``, prompts are random tokens, answers exactly as long as asked for, arrivals open
loop. The engine runs in this process as in a replica, without a gateway. Every load is run ``--rounds`` times, the
rounds interleaved, so that their spread holds the machine's own course. ``--again`` simulates once more what was
measured before; ``--synthetic`` rehearses all of it on the synthetic engine, profiled first, and writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autoscale.capacity.profile import EngineProfile
from autoscale.capacity.profile_file import load_profile
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.traces.lengths import Pairs
from benchmarks.contenders.places import ROOT
from benchmarks.report import show_sheets
from benchmarks.results import FOLDER
from benchmarks.setup import utc_now
from benchmarks.simulator_accuracy_kept import Accuracy, read, sheets, write
from benchmarks.simulator_accuracy_points import QUANTILE, SLO, knee_rps, point, slowness
from benchmarks.simulator_accuracy_replay import replayed, running
from benchmarks.simulator_accuracy_seen import seen
from benchmarks.simulator_accuracy_table import Run
from benchmarks.simulator_accuracy_trace import GAPS, Course, arrivals, scaled
from cluster.machine import this_machine
from cluster.profiling.measure import measured
from cluster.profiling.outcome import outcome
from deployments.engines.base import Engine
from deployments.engines.cpu_settings import replica_environment
from deployments.totals import gained

LOADS = (0.3, 0.6, 0.8, 0.95)
PROFILE = ROOT / "autoscale" / "sim" / "profiles" / "demo-dense-cpu.yaml"
LENGTHS = ROOT.parent / "shared" / "traces" / "requests" / "azure2023_conv.csv"
REAL: Mapping[str, Any] = {"name": "dense", "family": "dense", "source": "demo/dense", "runtime": "vllm"}
SYNTHETIC: Mapping[str, Any] = {
    **REAL,
    "runtime": "synthetic",
    "synthetic": {"step": {"per_prefill_token_us": 400, "per_sequence_us": 1000}, "prefill_tokens_per_step": 512},
}
_WARM_UP_S, _PROFILE_S, _LONGEST = 5.0, 30.0, 2048


def courses(profile: EngineProfile, pairs: Pairs, given: argparse.Namespace) -> Iterator[Course]:
    """Yield what one round consists of: every kind of gaps at every load."""
    knee = knee_rps(profile, pairs)
    for kind in given.gaps:
        for at, load in enumerate(LOADS):
            yield Course(gaps=kind, rate_rps=load * knee, seconds=given.seconds, seed=given.seed + at)


async def compare(
    spec: Mapping[str, Any], profile: EngineProfile, pairs: Pairs, given: argparse.Namespace
) -> list[Run]:
    """Start the engine, warm it up, and replay round after round."""
    plan, runs = list(courses(profile, pairs, given)), []
    async with running(spec) as (engine, info):
        found, wanted = (info.slots, info.batched_tokens, info.kv_tokens), profile.limits
        if found != (wanted.slots, wanted.batched_tokens, wanted.kv_tokens):
            raise ValueError(f"the profile is of an engine with {wanted}, this one is {info}")
        await replayed(engine, spec["name"], _beginning(arrivals(pairs, plan[-1])), -1)
        for turn in range(given.rounds):
            for at, course in enumerate(plan):
                run = await one_run(engine, spec["name"], course, pairs, 1000 * turn + at)
                print(_said(run, profile), flush=True)
                runs.append(run)
    return runs


async def one_run(engine: Engine, model: str, course: Course, pairs: Pairs, number: int) -> Run:
    """Replay one trace; the prompts of every *number* are others."""
    before, trace = engine.signals(), arrivals(pairs, course)
    answers = await replayed(engine, model, trace, number)
    after = engine.signals()
    if after.prefix_hits_total > before.prefix_hits_total:
        raise ValueError("prompts were found in the prefix cache, so their prefill was not measured")
    return Run(
        course=course,
        turn=number // 1000,
        requests=len(trace),
        real=seen(answers),
        steps=gained(after.steps, before.steps),
    )


def _beginning(trace: Arrivals) -> Arrivals:
    few = slice(0, max(1, int((trace.t_s < _WARM_UP_S).sum())))
    return Arrivals(t_s=trace.t_s[few], prompt=trace.prompt[few], output=trace.output[few], cached=trace.cached[few])


def _said(run: Run, profile: EngineProfile) -> str:
    real, course = run.real, run.course
    return (
        f"{course.gaps}, {course.rate_rps:.2f} requests/s, turn {run.turn + 1}: TPOT {1e3 * real.tpot_mean_s:.1f} ms, "
        f"TTFT {1e3 * real.ttft_mean_s:.0f} ms, P99 {1e3 * real.ttft_p99_s:.0f} ms, {real.tok_s:.0f} tok/s, "
        f"steps x {slowness(run.steps, profile):.3f}"
    )


def lengths(given: argparse.Namespace) -> Pairs:
    """Return the requests' lengths."""
    return scaled(given.lengths, given.scale, _LONGEST)


def facts(profile: EngineProfile, pairs: Pairs, given: argparse.Namespace) -> dict[str, str]:
    """Return the plain facts that the figures depend on."""
    here, limits, step = this_machine(), profile.limits, profile.step
    prompt, output = pairs.mean
    return {
        "machine": f"{here.cpus} CPUs, {here.memory / 2**30:.0f} GiB",
        "engine": f"{profile.model} on {profile.hardware}, {limits.slots} slots, {limits.batched_tokens} tokens a "
        f"step, {limits.kv_tokens:,} in the cache",
        "profile": f"{1e3 * step.base_s:.2f} ms a step, {1e6 * step.prefill_token_s:.1f} us a prompt token, "
        f"{1e6 * step.sequence_s:.1f} us a sequence, noise {profile.noise:.1%}, entry {1e3 * profile.entry_s:.1f} ms",
        "lengths": f"{given.lengths.stem} / {given.scale:g}: {prompt:.0f} tokens of prompt, {output:.0f} of answer",
        "knee": f"{knee_rps(profile, pairs):.2f} requests/s: {QUANTILE:.0%} of them with a first token in "
        f"{SLO.ttft_p95_s:g} s and {SLO.tpot_p95_s:g} s per further token, random arrivals, by simulation",
    }


async def rehearsed(given: argparse.Namespace) -> Accuracy:
    """Profile the synthetic engine and compare it with its simulation."""
    sweep, pairs = await measured(SYNTHETIC, seconds=_PROFILE_S, progress=print), lengths(given)
    profile = outcome(sweep, model="synthetic", hardware="cpu").profile
    runs = await compare(SYNTHETIC, profile, pairs, given)
    return accuracy(runs, profile, pairs, given)


def accuracy(runs: list[Run], profile: EngineProfile, pairs: Pairs, given: argparse.Namespace) -> Accuracy:
    """Simulate what was measured."""
    points = [point(run, profile, pairs) for run in runs]
    rounds, seconds = 1 + max(run.turn for run in runs), {run.course.seconds for run in runs}
    lasted = f"{rounds} rounds of {'/'.join(f'{one:g}' for one in sorted(seconds))} s a load, interleaved"
    return Accuracy(at=utc_now(), setup={**facts(profile, pairs, given), "runs": lasted}, points=points)


def measured_before(folder: Path, said: str) -> list[Run]:
    """Return the runs that are in *folder*; raises ValueError where their requests had other lengths."""
    found = read(folder)
    if found.points and found.setup["lengths"] != said:
        raise ValueError(f"{folder} has runs with {found.setup['lengths']}: give --lengths and --scale as then")
    return [one.run for one in found.points]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", type=Path, default=PROFILE)
    parser.add_argument("--lengths", type=Path, default=LENGTHS, help="CSV with input_tokens and output_tokens")
    parser.add_argument("--scale", type=float, default=12.0, help="what recorded lengths are divided by")
    parser.add_argument("--gaps", nargs="+", choices=GAPS, default=list(GAPS), help="the others' results stay")
    parser.add_argument("--seconds", type=float, default=42.0, help="of arrivals, for each load and round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=FOLDER)
    parser.add_argument("--synthetic", action="store_true", help="rehearse on the synthetic engine; writes nothing")
    parser.add_argument("--again", action="store_true", help="only simulate what was measured before")
    return parser.parse_args()


def main() -> None:
    """Compare, write and print."""
    given = arguments()
    for name, value in replica_environment("vllm", pinned=False).items():
        os.environ.setdefault(name, value)
    if given.synthetic:
        found = asyncio.run(rehearsed(given))
    else:
        profile, pairs = load_profile(given.profile), lengths(given)
        runs = measured_before(given.results, facts(profile, pairs, given)["lengths"])
        if not given.again:
            runs = [run for run in runs if run.course.gaps not in given.gaps]
            runs += asyncio.run(compare(REAL, profile, pairs, given))
        found = accuracy(runs, profile, pairs, given)
        write(found, given.results)
    show_sheets(sheets(found))


if __name__ == "__main__":
    main()
