"""Intervals: known values, and that they hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from cluster.confidence import (
    Estimate,
    mean,
    mean_difference,
    quantile,
    quantile_difference,
    share,
    share_difference,
)


def told(estimate: Estimate | None) -> tuple[float, float, float]:
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.value, estimate.low, estimate.high


def test_wilson_by_the_book():
    """10 of 100: the interval that Wilson's formula gives (z = 1.96)."""
    assert told(share(10, 100)) == pytest.approx((0.1, 0.0552, 0.1744), abs=1e-4)
    assert told(share(0, 20))[1] == pytest.approx(0, abs=1e-12)
    assert share(0, 0) is None


def test_newcombe_by_the_book():
    """Newcombe 1998, table II, example (a): 56/70 and 48/80 differ by 0.2, method 10 gives 0.0524 to 0.3339."""
    assert told(share_difference(48, 80, 56, 70)) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_student_by_the_book():
    """1 to 5: mean 3, t(4) = 2.776, standard error 0.7071."""
    assert told(mean([1, 2, 3, 4, 5])) == pytest.approx((3, 3 - 1.9634, 3 + 1.9634), abs=1e-3)
    assert mean([7.0]) == Estimate(value=7.0)
    assert mean([]) is None


def covered(make, of, truth: float, times: int) -> float:
    rng = np.random.default_rng(1)
    found = [told(of(make(rng))) for _ in range(times)]
    return sum(low <= truth <= high for _, low, high in found) / times


@pytest.mark.parametrize(
    ("make", "of", "truth"),
    [
        (lambda rng: int(rng.binomial(200, 0.1)), lambda count: share(count, 200), 0.1),
        (lambda rng: list(rng.normal(5, 2, 30)), mean, 5.0),
        (lambda rng: list(rng.exponential(1, 200)), lambda values: quantile(values, 0.5), np.log(2)),
        (
            lambda rng: (int(rng.binomial(200, 0.1)), int(rng.binomial(100, 0.15))),
            lambda counts: share_difference(counts[0], 200, counts[1], 100),
            0.05,
        ),
        (
            lambda rng: (list(rng.normal(5, 2, 30)), list(rng.normal(6, 1, 40))),
            lambda pair: mean_difference(*pair),
            1.0,
        ),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(make, of, truth):
    """About 95 of 100 intervals do, on drawn data; fewer than 90 or a hundred would be wrong."""
    assert 0.90 <= covered(make, of, truth, 200) <= 0.995


def test_the_bootstrap_holds_the_truth_as_often_as_it_says():
    """The same for the difference of two 95th percentiles."""
    q95 = -np.log(0.05)
    share_held = covered(
        lambda rng: (list(rng.exponential(1, 150)), list(rng.exponential(2, 150))),
        lambda pair: quantile_difference(*pair, 0.95),
        q95,
        60,
    )
    assert share_held >= 0.85


def test_the_bootstrap_always_says_the_same():
    """The draws are seeded."""
    one, other = [0.1 * at for at in range(50)], [0.2 * at for at in range(50)]
    assert quantile_difference(one, other, 0.5) == quantile_difference(one, other, 0.5)


def test_too_few_values_have_no_interval():
    """An estimate is honest about what it cannot know: no upper bound of a p95 follows from two values."""
    assert quantile([1.0, 2.0], 0.95) == Estimate(value=pytest.approx(1.95), low=1.0, high=None)
    assert quantile_difference([1.0], [2.0], 0.5) == Estimate(value=1.0)
    assert mean_difference([1.0], [2.0, 3.0]) == Estimate(value=1.5)
    assert (mean_difference([], [1.0]), quantile_difference([], [1.0], 0.5), quantile([], 0.5)) == (None, None, None)


def test_equal_values_differ_by_nothing():
    """Constant data have no spread and are no error."""
    assert told(mean_difference([1.0, 1.0], [1.0, 1.0])) == (0, 0, 0)
    assert not mean_difference([1.0, 1.0], [1.0, 1.0]).clear  # type: ignore[union-attr]
