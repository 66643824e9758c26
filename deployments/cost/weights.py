"""How much each piece of work in an engine's step weighs, so that the step's seconds can be shared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from deployments.totals import STEP_FEATURES, StepTotals

# Fewer steps say less than what is believed anyway.
_LEAST_STEPS = 64
# How far the belief may be off, as a share of each weight; a weight of 0 may be a tenth of a mean step.
_SPREAD, _SPREAD_OF_ZERO = 1.0, 0.1
# How far single steps are off, as a share of the mean one.
_NOISE = 0.05
_SWEEPS = 200


class Weights(NamedTuple):
    """Seconds, or anything in proportion to them, in the order of ``StepTotals``: only ratios matter.

    A step's ``base`` is shared equally among its sequences, and each bears its own tokens and context. Of a time that
    is linear in what the step holds this is every sequence's Shapley value.
    """

    base: float
    prefill_token: float
    prefill_context: float
    sequence: float
    kv_token: float


# Between what was measured of large models on GPUs and of small ones on CPUs (see the profiles of engines).
USUAL = Weights(20e-3, 160e-6, 30e-9, 250e-6, 400e-9)


def fitted(totals: StepTotals, believed: Weights = USUAL) -> Weights:
    """Return the weights that an engine's own steps make likely, what is *believed* where they do not tell.

    Least squares with non-negative weights, by coordinate descent on the normal equations.
    """
    steps = totals.steps
    if steps < _LEAST_STEPS or totals.seconds[0] <= 0:
        return believed
    seen = _full(totals.gram)
    mean_s = totals.seconds[0] / steps
    scale = totals.seconds[0] / sum(map(_times, believed, seen[0]))
    prior = [scale * one for one in believed]
    typical = [max(1.0, total / steps) for total in seen[0]]
    spread = [
        _SPREAD * one if one > 0 else _SPREAD_OF_ZERO * mean_s / size for one, size in zip(prior, typical, strict=True)
    ]
    sure = [(_NOISE * mean_s / one) ** 2 for one in spread]
    gram = [
        [value + (sure[row] if row == at else 0.0) for at, value in enumerate(seen[row])] for row in range(len(seen))
    ]
    sums = [took + one * before for took, one, before in zip(totals.seconds, sure, prior, strict=True)]
    found = _non_negative(gram, sums, prior)
    return Weights(max(found[0], 1e-6 * mean_s), *found[1:])


def _times(one: float, other: float) -> float:
    return one * other


def _full(triangle: Iterable[float]) -> list[list[float]]:
    """Return the symmetric matrix whose upper triangle is given row by row."""
    values, full = iter(triangle), [[0.0] * STEP_FEATURES for _ in range(STEP_FEATURES)]
    for row in range(STEP_FEATURES):
        for column in range(row, STEP_FEATURES):
            full[row][column] = full[column][row] = next(values)
    return full


def _non_negative(gram: list[list[float]], sums: list[float], start: list[float]) -> list[float]:
    found = list(start)
    for _ in range(_SWEEPS):
        for at, row in enumerate(gram):
            rest = sums[at] - sum(map(_times, row, found)) + row[at] * found[at]
            found[at] = max(0.0, rest / row[at])
    return found
