"""Learn a pool's step model from what its replicas did between two looks."""

from __future__ import annotations

from collections.abc import Iterable
from operator import mul, sub

from autoscale.capacity.drift import Drift
from autoscale.capacity.fit import Fit, StepSolver
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import ReplicaFleet
from deployments.totals import STEP_FEATURES, StepTotals

FEWEST_STEPS = 100.0
MEMORY_STEPS_PER_REPLICA = 20_000.0
# A fit is made again once so many steps of a hundred are new; it would hardly differ before.
_NEW_SHARE = 0.05
_TRIANGLE = len(StepTotals().gram)


class LearnedSteps:
    """The step model of one pool: a profile at first, a fit once there were steps enough.

    After a drift the model so far, scaled by how much longer steps take now, is what a new fit begins with.
    """

    def __init__(self, prior: StepModel | None) -> None:
        self._solver, self._drift = StepSolver(prior), Drift()
        self._read: dict[str, StepTotals] = {}
        self._fit: Fit | None = None
        self._new_steps = 0.0
        self.drifted = False

    @property
    def step(self) -> StepModel | None:
        """Return the fit, else the prior, else None."""
        return self._fit.step if self._fit else self._solver.prior

    @property
    def fit(self) -> Fit | None:
        """Return the fit, None before there were steps enough."""
        return self._fit

    @property
    def share_off(self) -> float:
        """Return how far the model's predictions have been off lately, as a share of the time."""
        return self._drift.share_off

    def see(self, replicas: Iterable[ReplicaFleet]) -> bool:
        """Add the steps since the last call; return whether there were any."""
        latest = {replica.replica: replica.steps for replica in replicas if replica.steps.steps > 0}
        gained = gained_together(latest, self._read)
        self._read = latest
        if gained is None:
            return False
        self._judge(gained)
        self._solver.add(gained, MEMORY_STEPS_PER_REPLICA * len(latest))
        self._new_steps += gained.steps
        if self._solver.steps >= FEWEST_STEPS and self._new_steps >= _NEW_SHARE * self._solver.steps:
            self._fit, self._new_steps = self._solver.fit(), 0.0
            self.drifted = self.drifted and self._solver.steps < 10 * FEWEST_STEPS
        return True

    def _judge(self, gained: StepTotals) -> None:
        expected_s = _seconds(self._fit.step, gained) if self._fit else 0.0
        if self._fit is None or expected_s <= 0:
            return
        ratio = gained.seconds[0] / expected_s
        chance = self._fit.residual_s * gained.steps**0.5 / expected_s
        if self._drift.see(ratio, steps=gained.steps, chance=chance):
            self._solver = StepSolver(self._fit.step.slower(ratio))
            self._fit, self.drifted = None, True


def gained_together(latest: dict[str, StepTotals], before: dict[str, StepTotals]) -> StepTotals | None:
    """Add up what every replica gained, None where that is no step; one that has restarted counts from nothing."""
    newer, older = [], []
    for replica, totals in latest.items():
        was = before.get(replica)
        if was is totals:
            continue
        newer.append((*totals.gram, *totals.seconds, totals.seconds_squared))
        if was is not None and was.steps <= totals.steps:
            older.append((*was.gram, *was.seconds, was.seconds_squared))
    if not newer:
        return None
    # Column sums by the interpreter's own loops: a thousand replicas in about a millisecond.
    total = list(map(sum, zip(*newer, strict=True)))
    if older:
        total = list(map(sub, total, map(sum, zip(*older, strict=True))))
    if total[0] < 1:
        return None
    ends = _TRIANGLE + STEP_FEATURES
    return StepTotals(gram=tuple(total[:_TRIANGLE]), seconds=tuple(total[_TRIANGLE:ends]), seconds_squared=total[-1])


def _seconds(step: StepModel, totals: StepTotals) -> float:
    """Return what *step* says that the steps in *totals* take."""
    return float(sum(map(mul, step.values, totals.gram)))  # the first row, which holds the sums of the features
