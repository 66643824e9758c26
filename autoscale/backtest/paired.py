"""How sure a comparison of two policies is that met the same luck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

_MOST_LISTED, _DRAWN = 5, 10_000
_SURE = 0.95

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure with the bounds of its paired bootstrap, 95 % of it; the bounds are the figure for a single seed."""

    value: float
    low: float
    high: float


def ratio(ones: Sequence[float], others: Sequence[float]) -> Interval:
    """Return the sum of *ones* over that of *others*, seed for seed the same ones drawn from both."""
    return _interval(ones, others, lambda one, other: one.sum(axis=-1) / other.sum(axis=-1))


def difference(ones: Sequence[float], others: Sequence[float]) -> Interval:
    """Return the mean of *ones* less that of *others*, in the same way."""
    return _interval(ones, others, lambda one, other: one.mean(axis=-1) - other.mean(axis=-1))


def _interval(ones: Sequence[float], others: Sequence[float], of: Callable[[Floats, Floats], Floats]) -> Interval:
    if len(ones) != len(others):
        raise ValueError(f"{len(ones)} runs cannot be paired with {len(others)}")
    one, other = np.asarray(ones, dtype=np.float64), np.asarray(others, dtype=np.float64)
    drawn = of(one[_draws(len(one))], other[_draws(len(one))])
    low, high = np.quantile(drawn, [(1 - _SURE) / 2, (1 + _SURE) / 2])
    return Interval(value=float(of(one, other)), low=float(low), high=float(high))


def _draws(count: int) -> npt.NDArray[np.int64]:
    """Return which runs each resample consists of: all resamples of a few runs, many of more."""
    if count <= _MOST_LISTED:
        return np.array(list(product(range(count), repeat=count)), dtype=np.int64)
    return np.random.default_rng(0).integers(0, count, (_DRAWN, count))
