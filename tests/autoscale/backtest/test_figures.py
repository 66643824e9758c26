"""What is read off the windows of a run."""

from __future__ import annotations

import numpy as np
import pytest

from autoscale.backtest.figures import worst
from autoscale.backtest.recovery import recover_s


def windows(*within: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(len(within), 100), np.array(within)


def minutes(*within: int) -> tuple[np.ndarray, np.ndarray]:
    return windows(*np.repeat(within, 6))


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        ([100] * 8, 1.0),
        ([100, 100, 0, 100, 100, 100, 100], 0.8),  # one minute of five
        ([50, 50], 0.5),  # shorter than five minutes
    ],
)
def test_worst_five_minutes(within, expected):
    """The lowest share of any five minutes on end."""
    assert worst(*minutes(*within)) == pytest.approx(expected)


def test_no_requests_have_no_worst_minutes():
    """Nothing to judge is not a figure."""
    assert np.isnan(worst(np.zeros(10, dtype=int), np.zeros(10, dtype=int)))


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        ([100] * 5, 0.0),
        ([100, 90, 100, 100, 100], 60.0),
        ([100, 98, 100, 100, 100], 30.0),  # the second half of it and what follows are a good minute
        ([90, 100, 90, 99, 99, 100], 180.0),  # one good minute is not recovered
        ([100, 90, 90], 120.0),  # to the end
        ([90, 90, 100, 100, 90, 100, 100], 120.0),  # the longer of two
    ],
)
def test_time_to_recover(within, expected):
    """From the first bad minute to the first of two good ones."""
    assert recover_s(*minutes(*within)) == expected


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        ([100] * 9 + [50] + [100] * 20, 10.0),
        ([100] * 9 + [50, 0, 50] + [100] * 20, 30.0),
        ([100] * 9 + [97] + [100] * 20, 0.0),  # 99.5 % of 60 s
        ([100] * 9 + [50] + [100] * 11 + [50] + [100] * 20, 130.0),  # 110 good seconds are not two minutes
        ([100] * 9 + [50] + [100] * 12 + [50] + [100] * 20, 10.0),
        ([100] * 9 + [0] * 4, 40.0),
    ],
)
def test_recovers_in_less_than_a_minute(within, expected):
    """A breach is told to ten seconds."""
    assert recover_s(*windows(*within)) == expected
