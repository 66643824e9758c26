"""The workloads and settings that the autoscaler is evaluated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoscale.sim.traces.generated import Noise
from autoscale.sim.traces.lengths import Lengths, read_histograms, read_pairs
from autoscale.sim.traces.rates import Rates, joined, read_rates
from autoscale.sim.traces.shapes import flash_crowd, steps

# What the per-minute rates of the recorded weeks vary by beyond the course of the day.
NOISE = Noise(sigma=0.075, memory=0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Rates and lengths from files below the folder of traces, and how the rate of a minute strays from its course.

    A ``made_up`` one is judged as a whole unless told otherwise: nobody tunes on its first half.
    """

    name: str
    files: tuple[str, ...]
    rates: Callable[[Path], Rates]
    lengths: Callable[[Path], Lengths]
    noise: Noise | None = NOISE
    made_up: bool = False

    def missing(self, folder: Path) -> list[str]:
        """Return the files that are not there."""
        return [name for name in self.files if not (folder / name).is_file()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the evaluation: workloads under one weather, with a smaller model that may stand in or without.

    ``stand_in`` is how much of what the highest rate has over the lowest the smaller model's replicas carry.
    """

    name: str
    workloads: tuple[Workload, ...]
    cold_start_s: float = 180.0
    capacity_error: float = 0.0
    stand_in: float = 0.0


def _of(name: str, rates: str, lengths: tuple[str, ...], noise: Noise | None = NOISE) -> Workload:
    def read(folder: Path) -> Lengths:
        paths = [folder / one for one in lengths]
        return read_pairs(paths[0]) if len(paths) == 1 else read_histograms(paths[0], paths[1])

    return Workload(
        name=name, files=(rates, *lengths), rates=lambda folder: read_rates(folder / rates), lengths=read, noise=noise
    )


CODE = "requests/azure2023_code.csv"
CONV = "requests/azure2023_conv.csv"
SHAREGPT = "lengths/pairs_sharegpt.csv"
CODE_WEEK, MID_WEEK = "rates/azure2024_code_week.csv", "rates/servegen_m-mid_d01-07.csv"
CODE_NOISE = Noise(sigma=0.12, memory=0.6)
WEEKS = (
    _of("azure2024-code week", CODE_WEEK, (CODE,), CODE_NOISE),
    _of(
        "servegen m-large week",
        "rates/servegen_m-large_d01-07.csv",
        ("lengths/servegen_m-large_d01-07_input.csv", "lengths/servegen_m-large_d01-07_output.csv"),
    ),
    _of(
        "servegen m-mid week",
        MID_WEEK,
        ("lengths/servegen_m-mid_d01-07_input.csv", "lengths/servegen_m-mid_d01-07_output.csv"),
    ),
    _of("azure2024-code week's rates, azure2023-conv's lengths", CODE_WEEK, (CONV,)),
    _of("servegen m-mid week's rates, sharegpt's lengths", MID_WEEK, (SHAREGPT,)),
)


def _minutes(folder: Path) -> Rates:
    """Return the code hour of 2023 by the minute, seven times in a row: bursts and idle gaps."""
    arrivals = np.loadtxt(folder / CODE, delimiter=",", skiprows=1, usecols=0)
    counts = np.bincount((arrivals // 60).astype(np.int64))
    return Rates(edges_s=np.arange(len(counts) + 1, dtype=np.float64) * 60.0, rate_rps=counts / 60.0).tiled(7)


def _jumps(_: Path) -> Rates:
    return joined([
        steps(1.0, (2.0, 4.0, 8.0), hold_s=1800.0, between_s=3600.0),
        flash_crowd(1.0, 6.0, before_s=3600.0, ramp_s=60.0, hold_s=600.0, decay_s=900.0, after_s=5400.0),
    ])  # fmt: skip


BURSTS = (
    Workload(
        name="azure2023-code hour x 7",
        files=(CODE,),
        rates=_minutes,
        lengths=lambda at: read_pairs(at / CODE),
        noise=None,
        made_up=True,
    ),
    Workload(
        name="steps x2 x4 x8 and a flash crowd",
        files=(CONV,),
        rates=_jumps,
        lengths=lambda at: read_pairs(at / CONV),
        noise=None,
        made_up=True,
    ),
)

JUMP = Workload(
    name="a day with one hour x4",
    files=(CONV,),
    rates=lambda _: steps(1.0, (4.0,), hold_s=3600.0, between_s=41_400.0),
    lengths=lambda at: read_pairs(at / CONV),
    noise=None,
    made_up=True,
)

SETTINGS = (
    Setting(name="weeks, cold start 180 s", workloads=WEEKS),
    Setting(name="weeks, cold start 420 s", workloads=WEEKS, cold_start_s=420.0),
    Setting(name="bursts, cold start 180 s", workloads=BURSTS),
    Setting(name="bursts, cold start 420 s", workloads=BURSTS, cold_start_s=420.0),
    Setting(name="weeks, capacity overstated by 20 %", workloads=WEEKS[:1], capacity_error=0.2),
    Setting(name="weeks, capacity understated by 20 %", workloads=WEEKS[:1], capacity_error=-0.2),
    Setting(name="step with brown-out, cold start 180 s", workloads=(JUMP,), stand_in=1.0),
    Setting(name="step with brown-out and half the room, cold start 180 s", workloads=(JUMP,), stand_in=0.5),
)
