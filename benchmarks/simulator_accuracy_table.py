"""How far the simulator is from the real engine, figure by figure, against what it may be off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import msgspec

from benchmarks.simulator_accuracy_seen import Seen
from benchmarks.simulator_accuracy_trace import GAPS, Course
from deployments.totals import StepTotals

# Shares of the measured value, each or the real engine's own spread where that is larger.
GATES: Mapping[str, float] = {"tpot_mean_s": 0.05, "ttft_mean_s": 0.10, "ttft_p99_s": 0.20, "tok_s": 0.03}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One replay on the real engine: its trace, what was seen of it, and what the engine's steps added up to."""

    course: Course
    turn: int
    requests: int
    real: Seen
    steps: StepTotals


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One replay beside its simulations.

    ``load`` is the rate as a share of the knee. ``slowness`` is the time that the real engine's steps took, over what
    the profile gives for the very same steps; ``refitted`` is simulated with step times that were fitted to them.
    """

    run: Run
    load: float
    simulated: Seen
    slowness: float
    refitted: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure at one load: the mean of the real runs, how far these lie apart as a share of it, the simulator's.

    ``error`` is the simulator's deviation as a share of the real figure; ``left`` is what remains of it, run by run and
    without regard to sign, where the simulated steps take as long as those of the real run: the simulator's own part.
    """

    gaps: str
    load: float
    figure: str
    real: float
    spread: float
    simulated: float
    error: float
    left: float

    @property
    def limit(self) -> float:
        """Return how large the error may be."""
        return max(GATES[self.figure], self.spread)

    @property
    def verdict(self) -> str:
        """Say whether it holds by itself, or only because the real engine differs from itself by as much."""
        if abs(self.error) <= GATES[self.figure]:
            return "met"
        return "within the spread" if abs(self.error) <= self.limit else "missed"


def grouped(points: Sequence[Point]) -> list[list[Point]]:
    """Return the points of each course, in the order of their turns."""
    several: dict[Course, list[Point]] = {}
    for one in sorted(points, key=lambda one: one.run.turn):
        several.setdefault(one.run.course, []).append(one)
    return [several[one] for one in sorted(several, key=lambda one: (list(GAPS).index(one.gaps), one.rate_rps))]


def comparisons(points: Sequence[Point]) -> list[Comparison]:
    """Compare every figure at every load."""
    return [compared(several, figure) for several in grouped(points) for figure in GATES]


def compared(several: Sequence[Point], figure: str) -> Comparison:
    """Compare one figure of points at one load."""
    real = [getattr(one.run.real, figure) for one in several]
    mean, simulated = fmean(real), fmean(getattr(one.simulated, figure) for one in several)
    left = [abs(getattr(one.refitted, figure) / value - 1) for one, value in zip(several, real, strict=True)]
    return Comparison(
        gaps=several[0].run.course.gaps,
        load=several[0].load,
        figure=figure,
        real=mean,
        spread=(max(real) - min(real)) / mean,
        simulated=simulated,
        error=simulated / mean - 1,
        left=fmean(left),
    )
