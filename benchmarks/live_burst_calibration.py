"""Measure the synthetic engine as it runs on this machine: its steps by ``tercet profile``, its starts under Serve."""

from __future__ import annotations

import math
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from statistics import mean, median, pstdev

from autoscale.capacity.profile import EngineProfile, StartTimes
from autoscale.capacity.profile_file import load_profile
from benchmarks.contenders.places import ROOT, product_prefix
from benchmarks.live_burst_fleet import COLD_START_S, ENVIRONMENT, MOST, POOL, Fleet, expected, written
from benchmarks.served import served
from cluster.lifecycle.fleet import steer_scaling

_WITHIN_S = 120.0
_LEAST_SIGMA = 0.01


def calibrated(speed: float, directory: Path, seconds: float) -> EngineProfile:
    """Say and return the engine's profile, at the pace that it runs at; takes *seconds* of load and some starts."""
    foreseen = expected(speed)
    foreseen = replace(foreseen, starts=StartTimes(median_s=COLD_START_S / speed, sigma=0.05))
    document = Fleet(speed=speed, measured=foreseen).document(directory)
    steps = _profiled(written(document, directory / "tercet.yaml"), directory / "measured.yaml", seconds)
    for told, step in (("by the profile", foreseen.step), ("as measured", steps.step)):
        print(f"{told}: {1e3 * step.base_s:.2f} ms a step, {1e6 * step.prefill_token_s:.1f} µs a prompt token")
    with served(document, directory, ENVIRONMENT) as one:
        pin = {"pool": POOL, "replicas": MOST, "for_s": _WITHIN_S, "why": "measuring starts"}
        steer_scaling("pin", pin)
        status = one.until(lambda pool: pool["stages"] == {"ready": MOST}, POOL, within_s=_WITHIN_S)
    replicas = sorted(status["pools"][POOL]["replicas"], key=lambda replica: float(replica["requested_s"]))
    took_s = [replica["since_s"] - replica["requested_s"] for replica in replicas[1:]]
    print(f"starts: {', '.join(f'{one:.1f}' for one in took_s)} s, {COLD_START_S / speed:g} s of them in the engine")
    logs = [math.log(one) for one in took_s]
    sigma = max(_LEAST_SIGMA, pstdev(logs, mean(logs)))
    return replace(steps, limits=foreseen.limits, starts=StartTimes(median_s=median(took_s), sigma=sigma))


def _profiled(document: Path, output: Path, seconds: float) -> EngineProfile:
    tercet = str(product_prefix() / "bin" / "tercet")
    command = [tercet, "profile", str(document), "--output", str(output), "--seconds", str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, timeout=seconds + 120, stdout=subprocess.DEVNULL)
    return load_profile(output)
