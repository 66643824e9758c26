"""Ratios are taken round by round, and say how far they wander."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.spread import interval, ratios, spread


def test_a_slow_round_cancels_out() -> None:
    """Both sides of a ratio come from the same round."""
    assert ratios([100, 50], [50, 25]) == [2.0, 2.0]


def test_unequal_rounds_are_refused() -> None:
    """A round that one side lacks has no ratio."""
    with pytest.raises(ValueError, match="2 rounds"):
        ratios([1, 2], [1])


def test_spread_is_the_median_and_the_range() -> None:
    """One lucky round moves the range and not the median."""
    seen = spread([1.0, 9.0, 1.1])
    assert (seen.median, seen.low, seen.high, seen.rounds) == (1.1, 1.0, 9.0, 3)
    assert str(seen) == "1.10 (1.00–9.00)"


def test_nothing_has_no_spread() -> None:
    """Empty input is an error, not a zero."""
    with pytest.raises(ValueError, match="no round"):
        spread([])
    with pytest.raises(ValueError, match="no values"):
        interval([])


def test_interval_holds_the_median_and_narrows_with_more_values() -> None:
    """More pairs say more."""
    rng = Random(7)
    few = [rng.gauss(5.0, 2.0) for _ in range(20)]
    many = [rng.gauss(5.0, 2.0) for _ in range(500)]
    low, high = interval(many)
    assert low < 5.0 < high
    assert high - low < interval(few)[1] - interval(few)[0]
    assert interval(many) == (low, high)
