"""``python -m benchmarks.live_burst``: recorded bursts through a served fleet, beside what the simulator says of them.

Real Ray, Serve, gateway and controller with synthetic engines that step as a measured engine does; requests come over
HTTP. The same arrivals, fleet and policy go through ``autoscale.sim``. Time runs several times as fast as in the trace.
Writes ``results/live_burst.{json,md,png}``, and with ``--calibrate`` the engine as it runs here.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from autoscale.capacity.profile_file import ProfileError, load_profile, write_profile
from benchmarks.contenders.places import ROOT, scratch_directory
from benchmarks.contenders.server import DidNotStartError
from benchmarks.live_burst_calibration import calibrated
from benchmarks.live_burst_course import agreement
from benchmarks.live_burst_fleet import (
    COLD_START_S,
    LEAST,
    MOST,
    PROFILE,
    RELEASE_AFTER_S,
    ROUTING_S,
    SERVE_LAG_S,
    SIGNAL_LAG_S,
    Fleet,
)
from benchmarks.live_burst_knees import code_is_there
from benchmarks.live_burst_live import Played, played
from benchmarks.live_burst_report import Report, Run, page, plot
from benchmarks.live_burst_simulated import simulated
from benchmarks.live_burst_trace import BURSTS
from benchmarks.results import FOLDER
from benchmarks.setup import facts, utc_now

FILE = FOLDER / "live_burst.json"
ENGINE = FOLDER / "live_burst_engine.yaml"
TRACES = ROOT.parent / "shared" / "traces"
_SPEED = 5.0
_CALIBRATE_S = 15.0

Result = TypeVar("Result")


def main(
    name: Annotated[list[str] | None, typer.Option("--burst", help="Only these; all without.")] = None,
    traces: Annotated[Path, typer.Option(help="The folder of traces.")] = TRACES,
    minutes: Annotated[float | None, typer.Option(help="Only so many minutes, and nothing written.")] = None,
    *,
    calibrate: Annotated[bool, typer.Option(help="Measure the engine first; needed once on a machine.")] = False,
    again: Annotated[bool, typer.Option(help="Simulate what was played before, and play nothing.")] = False,
) -> None:
    """Play bursts and simulate them."""
    chosen = name or list(BURSTS)
    try:
        with scratch_directory() as directory:
            if calibrate:
                measured = _apart(calibrated, _SPEED, directory, _CALIBRATE_S)
                write_profile(ENGINE, measured, source=f"`python -m benchmarks.live_burst --calibrate`, {utc_now()}")
            fleet = Fleet(speed=_SPEED, measured=load_profile(ENGINE))
            if not again:
                code_is_there()
            runs = [_run(one, fleet, traces, directory, minutes=minutes, again=again) for one in chosen]
    except (DidNotStartError, ProfileError, TimeoutError, RuntimeError) as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(1) from error
    report = Report(at=utc_now(), setup=_setup(fleet), speed=_SPEED, runs=runs)
    typer.echo(page(report))
    if minutes is None:
        _keep(report)


def _run(name: str, fleet: Fleet, traces: Path, directory: Path, *, minutes: float | None, again: bool) -> Run:
    burst = BURSTS[name]
    if minutes is not None:
        burst = replace(burst, until_min=burst.from_min + minutes)
    arrivals, span_s = burst.arrivals(traces, fleet.speed), burst.span_s / fleet.speed
    happened = _before(name) if again else _apart(played, fleet, arrivals, span_s, directory)
    foretold = simulated(fleet, arrivals, span_s, began_s=happened.began_s)
    return Run(
        name=name,
        span_s=span_s,
        played=happened,
        simulated=foretold,
        agreement=agreement(happened.course, foretold),
    )


def _apart(work: Callable[..., Result], *given: Any) -> Result:
    """Do some work in a process of its own: Ray takes up one cluster's environment for as long as a process lives."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def _kept() -> list[Run]:
    return msgspec.json.decode(FILE.read_bytes(), type=Report).runs if FILE.exists() else []


def _before(name: str) -> Played:
    found = next((run.played for run in _kept() if run.name == name), None)
    if found is None:
        raise RuntimeError(f"{name} has not been played yet: leave --again out")
    return found


def _keep(report: Report) -> None:
    """Write what was found, beside other bursts of an earlier run."""
    runs = {run.name: run for run in [*_kept(), *report.runs]}
    whole = msgspec.structs.replace(report, runs=[runs[name] for name in BURSTS if name in runs])
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=-1) + b"\n")
    FILE.with_suffix(".md").write_text(page(whole), encoding="utf-8")
    if not plot(whole, FILE.with_suffix(".png")):
        typer.echo("no picture: run it in the environment of `make bench`, which has matplotlib")


def _setup(fleet: Fleet) -> dict[str, str]:
    step, starts, here = fleet.measured.step, fleet.measured.starts, facts()
    return {
        "machine": here["machine"],
        "versions": here["versions"],
        "engine": f"synthetic, {PROFILE} at {fleet.speed:g} times its speed; measured here: {1e3 * step.base_s:.2f} ms"
        f" a step, {1e6 * step.prefill_token_s:.1f} µs a prompt token, starts of {starts.median_s:.1f} s",
        "targets": f"TTFT {fleet.slo.ttft_p95_s:g} s, TPOT {1e3 * (fleet.slo.tpot_p95_s or 0):g} ms",
        "policy": f"sla, release_after {RELEASE_AFTER_S:g} s, all else at its defaults; all at the pace of the trace",
        "replicas": f"{LEAST} to {MOST}, whose start imitates a cold one of {COLD_START_S:g} s beside Serve's own part",
        "ready": "without replicas that are sent nothing more since they are released; those drain in the simulator",
        "simulator": f"signals {SIGNAL_LAG_S:g} s old, Serve {SERVE_LAG_S:g} s late, {1e3 * ROUTING_S:g} ms of routing",
    }


if __name__ == "__main__":
    typer.run(main)
