"""Simulate what was measured on the real engine, with a profile of it and with its own steps."""

from __future__ import annotations

import math
from dataclasses import replace

from autoscale.capacity.fit import StepSolver
from autoscale.capacity.knee_source import KneeQuestion
from autoscale.capacity.profile import EngineProfile
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Slo
from autoscale.sim.knee import SIMULATED
from autoscale.sim.traces.lengths import Pairs
from benchmarks.simulator_accuracy_seen import simulated
from benchmarks.simulator_accuracy_table import Point, Run
from benchmarks.simulator_accuracy_trace import arrivals, mix
from deployments.totals import StepTotals

SLO, QUANTILE = Slo(ttft_p95_s=2.0, tpot_p95_s=0.1), 0.99


def knee_rps(profile: EngineProfile, pairs: Pairs) -> float:
    """Return the rate at which ``QUANTILE`` of random requests meet both targets, by simulation."""
    asked = KneeQuestion(step=profile.step, limits=profile.limits, mix=mix(pairs), slo=SLO, quantile=QUANTILE)
    return SIMULATED(asked).rate_rps


def point(run: Run, profile: EngineProfile, pairs: Pairs) -> Point:
    """Simulate the requests of *run*."""
    trace, step = arrivals(pairs, run.course), fitted(run.steps, profile)
    return Point(
        run=run,
        load=run.course.rate_rps / knee_rps(profile, pairs),
        simulated=simulated(profile, trace),
        slowness=slowness(run.steps, profile),
        refitted=simulated(replace(profile, step=step), trace),
    )


def slowness(steps: StepTotals, profile: EngineProfile) -> float:
    """Return what *steps* took over what the profile gives for them; 1 where there were none."""
    modelled_s = sum(a * b for a, b in zip(profile.step.values, steps.gram, strict=False))
    return steps.seconds[0] / modelled_s if modelled_s > 0 else 1.0


def fitted(steps: StepTotals, profile: EngineProfile) -> StepModel:
    """Return the step times of these very *steps*, fitted as a controller does that begins with the profile."""
    if not steps.steps:
        return profile.step
    solver = StepSolver(profile.step)
    solver.add(steps, math.inf)
    return solver.fit().step
