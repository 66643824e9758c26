"""Things below one another, near to where they would like to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.drawing.stack import stacked

THINGS = st.lists(st.tuples(st.floats(-500, 500), st.floats(0, 80), st.floats(0.5, 5)), min_size=1, max_size=8)
GAP = 10.0


@given(THINGS)
def test_keeps_the_order_and_the_gap(things: list[tuple[float, float, float]]) -> None:
    """Nothing overlaps what is before it."""
    wanted, heights, pull = (list(one) for one in zip(*things, strict=True))
    tops = stacked(wanted, heights, pull, GAP)
    for at in range(len(tops) - 1):
        assert tops[at + 1] >= tops[at] + heights[at] + GAP - 1e-6


def test_what_does_not_overlap_stays_where_it_wants_to_be() -> None:
    """A wish that costs nobody anything is granted."""
    assert stacked([0, 100, 300], [20, 20, 20], [1, 1, 1], GAP) == [0, 100, 300]


def test_two_that_want_the_same_place_share_the_distance_by_their_pull() -> None:
    """The heavier one moves less."""
    upper, lower = stacked([0, 0], [20, 20], [3, 1], GAP)
    assert (upper, lower) == (pytest.approx(-7.5), pytest.approx(22.5))
