"""Sums over nodes against what they stand for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscale.capacity.tails import lognormal_excess, lognormal_nodes_below, lognormal_tail


@given(st.floats(1, 1e4), st.floats(0.1, 2), st.floats(0.05, 20))
def test_nodes_below_a_bound_weigh_what_lies_below_it(mean: float, cv: float, share: float) -> None:
    """Both the part of the distribution and the mean over that part."""
    most = share * mean
    nodes = lognormal_nodes_below(most, mean, cv)
    below = 1 - lognormal_tail(most, mean, cv)
    assert sum(weight for _, weight in nodes) == pytest.approx(below, abs=1e-4)
    partial = mean - lognormal_excess(most, mean, cv) - most * (1 - below)
    assert sum(value * weight for value, weight in nodes) == pytest.approx(partial, abs=2e-3 * mean)
    assert all(value < most for value, _ in nodes)


def test_without_a_bound_they_are_the_whole() -> None:
    """And a variable that does not vary is one node, or none."""
    assert sum(weight for _, weight in lognormal_nodes_below(math.inf, 100, 0.5)) == pytest.approx(1, abs=1e-4)
    assert lognormal_nodes_below(101, 100, 0) == [(100, 1.0)]
    assert lognormal_nodes_below(100, 100, 0) == []
    assert lognormal_nodes_below(0, 100, 0.5) == []
