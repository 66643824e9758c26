"""What counts prove: right however often one looks, and not without use."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.canary_evidence import at_most, exceeds


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.2, 0.95])
def test_a_share_that_is_just_as_allowed_is_hardly_ever_called_more(share):
    """Looked at after every single request, in hundreds of runs."""
    rng, wrong = random.Random(7), 0
    for _ in range(300):
        part, called = 0, False
        for total in range(1, 401):
            part += rng.random() < share
            called = called or exceeds(part, total, share)
        wrong += called
    assert wrong <= 2


@pytest.mark.parametrize(
    ("part", "total", "share", "told"),
    [
        (1, 1, 0.01, False),
        (2, 100, 0.01, False),
        (10, 200, 0.01, False),
        (15, 250, 0.01, True),
        (3, 3, 0.01, True),
        (2_000, 100_000, 0.015, True),
        (1, 100_000, 0.0, True),
        (0, 10, 0.0, False),
        (10, 10, 1.0, False),
        (30.0, 50, 0.2, True),
    ],
)
def test_what_is_proven(part, total, share, told):
    """A figure beyond the limit is not yet a proof, and of enough requests it is one."""
    assert exceeds(part, total, share) is told


@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(0, 1))
def test_more_of_it_and_a_lower_limit_prove_no_less(part, rest, share):
    """The proof holds for every lower limit and for more of the same."""
    if exceeds(part, part + rest, share):
        assert exceeds(part, part + rest, share / 2)
        assert exceeds(part + 1, part + 1 + rest, share)


@pytest.mark.parametrize(
    ("part", "total", "about"), [(0, 0, 1.0), (0, 1000, 0.009), (5, 1000, 0.022), (500, 100_000, 0.006)]
)
def test_an_upper_bound_is_near_where_there_is_much_to_go_by(part, total, about):
    """And is 1 without anything."""
    assert at_most(part, total) == pytest.approx(about, rel=0.25)
