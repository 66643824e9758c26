"""What is read off the minutes of a run."""

from __future__ import annotations

import numpy as np
import pytest

from autoscale.backtest.figures import recover_s, worst


def minutes(*within: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(len(within), 100), np.array(within)


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
        ([100, 98, 100, 100, 100], 60.0),
        ([98, 100, 98, 99, 99, 100], 180.0),  # one good minute is not recovered
        ([100, 90, 90], 120.0),  # to the end
        ([90, 90, 100, 100, 90, 100, 100], 120.0),  # the longer of two
    ],
)
def test_time_to_recover(within, expected):
    """From the first bad minute to the first of two good ones."""
    assert recover_s(*minutes(*within)) == expected
