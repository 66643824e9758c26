"""Estimates with confidence intervals, and differences between two groups; the statistics are SciPy's.

An interval that the data do not bear (too few values) is None on either side; so is an estimate without values.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
_RESAMPLES = 999
_BATCH_VALUES = 2_000_000
_LEAST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and the bounds of its 95 % confidence interval."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def clear(self) -> bool:
        """Tell whether zero lies outside of the interval: a difference that is hardly chance."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def share(count: int, total: int) -> Estimate | None:
    """Estimate a share (Wilson's score interval)."""
    if not total:
        return None
    interval = stats.binomtest(count, total).proportion_ci(LEVEL, method="wilson")
    return Estimate(value=count / total, low=float(interval.low), high=float(interval.high))


def mean(values: Sequence[float]) -> Estimate | None:
    """Estimate a mean (Student's t)."""
    if not values:
        return None
    found = np.asarray(values, dtype=float)
    value = float(found.mean())
    if len(found) < 2:  # noqa: PLR2004 - one value has no spread
        return Estimate(value=value)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(found) - 1)) * float(found.std(ddof=1)) / math.sqrt(len(found))
    return Estimate(value=value, low=value - half, high=value + half)


def quantile(values: Sequence[float], q: float) -> Estimate | None:
    """Estimate the *q*-quantile (exact interval of order statistics, for any distribution)."""
    if not values:
        return None
    value = float(np.quantile(np.asarray(values, dtype=float), q))
    interval = stats.quantile_test(values, q=value, p=q).confidence_interval(LEVEL)
    return Estimate(value=value, low=_known(interval.low), high=_known(interval.high))


def share_difference(count: int, total: int, other: int, other_total: int) -> Estimate | None:
    """Estimate how much larger the second share is (Newcombe 1998, method 10: from both Wilson intervals)."""
    first, second = share(count, total), share(other, other_total)
    if first is None or second is None:
        return None
    value = second.value - first.value
    down = math.hypot(second.value - _of(second.low), _of(first.high) - first.value)
    up = math.hypot(_of(second.high) - second.value, first.value - _of(first.low))
    return Estimate(value=value, low=value - down, high=value + up)


def mean_difference(values: Sequence[float], others: Sequence[float]) -> Estimate | None:
    """Estimate how much larger the second mean is (Welch's t)."""
    if not values or not others:
        return None
    first, second = np.asarray(values, dtype=float), np.asarray(others, dtype=float)
    value = float(second.mean() - first.mean())
    if min(len(first), len(second)) < 2:  # noqa: PLR2004 - one value has no spread
        return Estimate(value=value)
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return Estimate(value=value, low=value, high=value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of nearly equal values: the interval is then nearly nothing
        interval = stats.ttest_ind(second, first, equal_var=False).confidence_interval(LEVEL)
    return Estimate(value=value, low=_known(interval.low), high=_known(interval.high))


def quantile_difference(values: Sequence[float], others: Sequence[float], q: float) -> Estimate | None:
    """Estimate how much larger the second *q*-quantile is (percentile bootstrap, always the same draws)."""
    if not values or not others:
        return None
    first, second = np.asarray(values, dtype=float), np.asarray(others, dtype=float)

    def larger(one: Any, other: Any, axis: int = -1) -> Any:
        return np.quantile(other, q, axis=axis) - np.quantile(one, q, axis=axis)

    value = float(larger(first, second))
    if min(len(first), len(second)) < _LEAST:
        return Estimate(value=value)
    interval = stats.bootstrap(
        (first, second),
        larger,
        n_resamples=_RESAMPLES,
        batch=max(1, _BATCH_VALUES // (len(first) + len(second))),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Estimate(value=value, low=_known(interval.low), high=_known(interval.high))


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _of(bound: float | None) -> float:
    assert bound is not None  # noqa: S101 - a share of something always has both
    return bound
