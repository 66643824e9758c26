"""Whoever can be in time goes first; whoever cannot is neither in the way nor forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.scheduling.lateness import TURN, is_late, late_is_next, prefill_s


def test_a_request_is_late_before_its_time_is_up() -> None:
    """A prompt of 0.3 s needs 0.6 s among others, so with a target of 2 s it must not have waited for 1.5."""
    assert not is_late(1.39, 0.3, 2.0)
    assert is_late(1.41, 0.3, 2.0)
    assert is_late(0.0, 1.1, 2.0)
    assert not is_late(1e9, 1e9, float("inf"))


def test_a_prompt_takes_the_time_of_its_tokens_and_of_what_they_attend_to() -> None:
    """A thousand tokens see 500 of their own on average, and all of what was in the cache."""
    assert prefill_s(1000, 0, 1e-4, 0.0) == pytest.approx(0.1)
    assert prefill_s(1000, 0, 0.0, 1e-6) == pytest.approx(0.5)
    assert prefill_s(1000, 4000, 1e-4, 1e-6) == pytest.approx(0.1 + 4.5)


@given(st.lists(st.booleans(), min_size=1, max_size=400))
def test_late_ones_go_when_nobody_else_waits_and_once_in_every_turn(others: list[bool]) -> None:
    """Whatever comes, a late request that waits is taken within ``TURN``."""
    taken = 0
    for waits in others:
        late = late_is_next(int(waits), 1, taken)
        assert late or waits
        taken = 0 if late else taken + 1
        assert taken < TURN


def test_none_is_taken_where_none_is_late() -> None:
    """However many have gone before."""
    assert not late_is_next(3, 0, 10 * TURN)
    assert not late_is_next(0, 0, 0)
