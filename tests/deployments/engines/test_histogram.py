"""Laws of latency histograms: what is counted comes back by differences and by quantile."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.histogram import LatencyHistogram
from deployments.signals import LATENCY_BOUNDS_S, Histogram, quantile, since

values = st.lists(st.floats(min_value=0, max_value=200), max_size=60)


def reading(seen: list[float]) -> Histogram:
    histogram = LatencyHistogram()
    for value_s in seen:
        histogram.add(value_s)
    return histogram.read()


@given(values)
def test_counts_are_cumulative(seen: list[float]) -> None:
    """Each bound counts every value up to it, and the total counts all."""
    read = reading(seen)
    expected = tuple(sum(value_s <= bound_s for value_s in seen) for bound_s in LATENCY_BOUNDS_S)
    assert read.counts == expected
    assert read.total == len(seen)
    assert read.sum_s == pytest.approx(sum(seen))


@given(values, values)
def test_a_difference_is_what_happened_in_between(early: list[float], late: list[float]) -> None:
    """since() undoes accumulation exactly."""
    between = since(reading(early + late), reading(early))
    assert (between.counts, between.total) == (reading(late).counts, len(late))
    assert between.sum_s == pytest.approx(sum(late), abs=1e-6)


@given(values.filter(bool))
def test_a_restarted_process_counts_from_nothing(before: list[float]) -> None:
    """A reading that is lower than the older one is taken whole."""
    fresh = reading(before[1:])
    assert since(fresh, reading(before)) == fresh


@given(values.filter(bool), st.floats(min_value=0, max_value=1))
def test_a_quantile_is_in_the_bucket_of_the_true_one(seen: list[float], q: float) -> None:
    """The estimate never leaves the bucket that holds the exact quantile, as far as there are bounds."""
    rank = max(1, -(-len(seen) * q // 1))
    exact = sorted(seen)[int(rank) - 1]
    estimate = quantile(reading(seen), q)
    assert estimate is not None
    upper = next((bound for bound in LATENCY_BOUNDS_S if exact <= bound), LATENCY_BOUNDS_S[-1])
    below = max((bound for bound in LATENCY_BOUNDS_S if bound < upper), default=0.0)
    assert below - 1e-9 <= estimate <= upper + 1e-9


@given(values.filter(bool), st.lists(st.floats(min_value=0, max_value=1), min_size=2))
def test_quantiles_rise(seen: list[float], qs: list[float]) -> None:
    """A higher quantile is never lower."""
    read = reading(seen)
    estimates = [quantile(read, q) for q in sorted(qs)]
    assert all(low is not None and high is not None and low <= high for low, high in pairwise(estimates))


def test_nothing_has_no_quantile() -> None:
    """Without values there is no estimate, not a zero that would look fast."""
    assert quantile(Histogram(), 0.95) is None
    assert quantile(since(reading([1.0]), reading([1.0])), 0.5) is None


def test_a_quantile_is_linear_inside_its_bucket() -> None:
    """Ten values between 1 and 1.5 s put the median at 1.25 s."""
    assert quantile(reading([1.2] * 10), 0.5) == pytest.approx(1.25)
