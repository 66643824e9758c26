"""Fit a step model to sums: least squares with non-negative coefficients, a prior, and a bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoscale.capacity.step_model import StepModel
from deployments.totals import STEP_FEATURES, StepTotals

Vector = npt.NDArray[np.float64]

# How far a profile may be from the truth, as a share of each coefficient; one of 0 may be a tenth of a mean step.
_PRIOR_SHARE, _PRIOR_OF_ZERO = 0.2, 0.1
# Without a profile a feature is believed to make up at most about this many mean steps.
_NO_PRIOR_STEPS = 3.0
_LEAST_NOISE = 0.02
# What is added to the diagonal, of ones: as little as does.
_JITTERS = (1e-12, 1e-9, 1e-6, 1e-3)
# Where the full matrix has its values from in the upper triangle, and where that has its ends.
_FULL = np.zeros((STEP_FEATURES, STEP_FEATURES), np.intp)
_FULL[np.triu_indices(STEP_FEATURES)] = range(STEP_FEATURES * (STEP_FEATURES + 1) // 2)
_FULL = np.maximum(_FULL, _FULL.T)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A step model with the covariance of its coefficients, and the standard deviation of a step around it."""

    step: StepModel
    covariance: Vector
    residual_s: float

    def share_off(self, features: Sequence[float]) -> float:
        """Return the standard deviation of the time that *features* take, as a share of it."""
        row = np.array(features)
        seconds = float(row @ np.array(self.step.values))
        if seconds <= 0:
            return 0.0
        return float(np.sqrt(max(0.0, row @ self.covariance @ row))) / seconds


class StepSolver:
    """Keeps the sums of recent steps; ``prior`` is what is believed where they do not tell.

    A direction that the traffic does not excite (all prompts equally long, batches equally full) stays at the prior.
    """

    def __init__(self, prior: StepModel | None) -> None:
        self.prior = prior
        self._sums = StepTotals()
        self._residual_s = 0.0

    @property
    def steps(self) -> float:
        """Count the steps that are remembered, older ones in part."""
        return self._sums.steps

    def add(self, gained: StepTotals, memory_steps: float) -> None:
        """Add steps; all older ones together fade to what *memory_steps* leaves room for."""
        both = self.steps + gained.steps
        keep = 1.0 if both <= memory_steps else max(0.0, memory_steps - gained.steps) / max(self.steps, 1.0)
        old = self._sums
        self._sums = StepTotals(
            gram=tuple([keep * one + new for one, new in zip(old.gram, gained.gram, strict=True)]),
            seconds=tuple([keep * one + new for one, new in zip(old.seconds, gained.seconds, strict=True)]),
            seconds_squared=keep * old.seconds_squared + gained.seconds_squared,
        )

    def fit(self) -> Fit:
        """Return the model that the steps and the prior make likely; raises ValueError before there was a step."""
        if self.steps <= 0:
            raise ValueError("there were no steps to fit")
        seen, took = np.array(self._sums.gram)[_FULL], np.array(self._sums.seconds)
        mean_s = took[0] / self.steps
        believed, spread = self._belief(seen, mean_s)
        residual_s = max(self._residual_s, _LEAST_NOISE * mean_s)
        precision = np.diag((residual_s / spread) ** 2)
        gram, seconds = seen + precision, took + precision @ believed
        found = _non_negative(gram, seconds)
        left = float(self._sums.seconds_squared - 2 * (found @ took) + found @ (seen @ found))
        self._residual_s = float(np.sqrt(max(0.0, left) / max(self.steps - STEP_FEATURES, 1.0)))
        covariance = residual_s**2 * np.linalg.inv(gram)
        return Fit(step=StepModel.of(map(float, found)), covariance=covariance, residual_s=self._residual_s)

    def _belief(self, seen: Vector, mean_s: float) -> tuple[Vector, Vector]:
        """Return what the coefficients are without any step, and how far off each of them may be."""
        typical = np.maximum(seen[0] / self.steps, 1.0)
        if self.prior is None:
            return np.zeros(STEP_FEATURES), _NO_PRIOR_STEPS * mean_s / typical
        believed = np.array(self.prior.values)
        return believed, np.where(believed > 0, _PRIOR_SHARE * believed, _PRIOR_OF_ZERO * mean_s / typical)


def _non_negative(gram: Vector, seconds: Vector) -> Vector:
    """Solve the normal equations so that no coefficient is negative. Raises ArithmeticError where that cannot be."""
    # Columns of one size: prompt tokens times context and a constant differ by nine orders of magnitude.
    size = np.sqrt(np.diag(gram))
    scaled, sums = gram / np.outer(size, size), np.asarray(seconds / size)
    for jitter in _JITTERS:
        try:
            root = np.linalg.cholesky(scaled + jitter * np.eye(len(size)))
            halfway = np.asarray(np.linalg.solve(root, sums))
            found = np.asarray(np.linalg.solve(root.T, halfway))
            if not found.min() >= 0:  # nor where it is no number
                found = _constrained(np.asarray(root.T), halfway)
        except (np.linalg.LinAlgError, RuntimeError):  # sums that rounding has made indefinite, or a search in circles
            continue
        return np.asarray(found / size)
    raise ArithmeticError("no step model fits the sums of the steps")


def _constrained(matrix: Vector, values: Vector) -> Vector:
    from scipy.optimize import nnls  # noqa: PLC0415 - a quarter of a second, only where it is needed

    return np.asarray(nnls(matrix, values)[0])
