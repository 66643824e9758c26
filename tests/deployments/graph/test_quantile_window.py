"""Quantiles of the latest values."""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from deployments.graph.quantile_window import QuantileWindow, fewest

steps = st.lists(st.tuples(st.floats(0, 100, allow_nan=False), st.floats(0, 10)), min_size=1, max_size=200)


@given(steps=steps, size=st.integers(20, 60), max_age_s=st.floats(1, 200), q=st.sampled_from([0.5, 0.9, 0.95]))
def test_equals_the_quantile_of_what_is_recent(
    steps: list[tuple[float, float]], size: int, max_age_s: float, q: float
) -> None:
    """By the definition: sort the latest values that are young enough and take the one at the rank."""
    window, now_s, told = QuantileWindow(size, max_age_s), 0.0, []
    for value, step_s in steps:
        now_s += step_s
        window.add(value, now_s)
        told.append((now_s, value))
        recent = sorted(value for at_s, value in told[-size:] if at_s >= now_s - max_age_s)
        expected = recent[ceil(q * len(recent)) - 1] if len(recent) >= fewest(q) else None
        assert window.quantile(q, now_s) == expected
        assert len(window) == len(recent) <= size


def test_says_nothing_while_there_are_too_few() -> None:
    """A p95 takes twenty values, a p99 a hundred."""
    window = QuantileWindow()
    for at in range(19):
        window.add(float(at), 0)
    assert window.quantile(0.95, 0) is None
    window.add(19.0, 0)
    assert window.quantile(0.95, 0) == 18.0
    assert window.quantile(0.99, 0) is None
    assert (fewest(0.5), fewest(0.99)) == (20, 100)


def test_what_is_old_is_forgotten_although_nothing_new_comes() -> None:
    """After a quiet hour nobody knows how fast a pool is."""
    window = QuantileWindow(max_age_s=60)
    for _ in range(50):
        window.add(1.0, 0)
    assert window.quantile(0.5, 60) == 1.0
    assert window.quantile(0.5, 61) is None
