"""How long replicas drain."""

from __future__ import annotations

import numpy as np
import pytest

from autoscale.backtest.draining import drain_s


@pytest.mark.parametrize("in_flight", [1, 4])
def test_without_memory_what_is_left_is_as_long_as_the_whole(in_flight):
    """The last of n exponential times is the mean times 1 + 1/2 + ... + 1/n."""
    tokens = np.random.default_rng(0).exponential(1000.0, 200_000).astype(np.int32)
    expected = 10.0 * sum(1 / n for n in range(1, in_flight + 1))
    assert drain_s(tokens, 0.01, in_flight, 1e6) == pytest.approx(expected, rel=0.02)


def test_answers_of_one_length_are_half_done():
    """And streams are cut at the deadline: of a uniform rest up to 10 s, cut at 5 s, 3.75 s are waited for."""
    tokens = np.full(100, 1000, np.int32)
    assert drain_s(tokens, 0.01, 1, 900.0) == pytest.approx(5.0, rel=0.01)
    assert drain_s(tokens, 0.01, 1, 5.0) == pytest.approx(3.75, rel=0.01)
    assert drain_s(tokens, 0.01, 0, 900.0) == 0.0
