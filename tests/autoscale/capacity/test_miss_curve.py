"""Curves of misses over rates."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscale.capacity.miss_curve import LEVELS, MissCurve

MEASURED = [(1.0, 1e-4), (2.0, 1e-3), (4.0, 1e-2), (5.0, 0.5)]


def test_goes_through_what_was_measured() -> None:
    """Straight in logarithms in between: half way from 2 to 4 in logarithms, 0.316 % miss."""
    curve = MissCurve.through(MEASURED)
    assert curve is not None
    assert curve.rate(1e-3) == pytest.approx(2.0)
    assert curve.rate(1e-2) == pytest.approx(4.0)
    assert curve.rate(10**-2.5) == pytest.approx(math.sqrt(8.0), rel=0.02)
    assert curve.share(math.log(2.0)) == pytest.approx(1e-3, rel=0.01)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(1e-5, 1)), min_size=1, max_size=12))
def test_more_rate_never_misses_less(points: list[tuple[float, float]]) -> None:
    """Whatever noise was in the measurement."""
    curve = MissCurve.through(sorted(points))
    if curve is None:
        return
    assert list(curve.logs_rps) == sorted(curve.logs_rps)
    shares = [curve.share(at / 4) for at in range(-30, 31)]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1


def test_an_engine_that_misses_everything_has_no_curve() -> None:
    """Nor has one of which nothing is known."""
    assert MissCurve.through([(1.0, 0.5), (2.0, 0.9)]) is None
    assert MissCurve.through([]) is None


def test_is_scaled_and_mixed_in_logarithms() -> None:
    """Twice as fast is twice the rate; half way between 1 and 4 is 2."""
    one, four = MissCurve.around(1.0, 1e-3, 5.0), MissCurve.around(4.0, 1e-3, 5.0)
    assert one.scaled(2.0).rate(1e-3) == pytest.approx(2.0)
    assert one.between(four, 0.5).rate(1e-3) == pytest.approx(2.0)
    assert one.rate(LEVELS[3]) == pytest.approx(10 ** (1 / 5))
