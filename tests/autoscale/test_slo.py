"""Histograms added up, and held against a target."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autoscale.slo import attainment, merged
from deployments.signals import LATENCY_BOUNDS_S, Histogram
from tests.autoscale.builders import histogram

VALUES = st.lists(st.floats(0.001, 200.0), max_size=50)


@given(left=VALUES, right=VALUES)
def test_two_processes_add_up_to_one(left: list[float], right: list[float]) -> None:
    """Nothing is lost between buckets."""
    together, apart = histogram(*left, *right), merged([histogram(*left), histogram(*right)])
    assert (apart.counts, apart.total) == (together.counts, together.total)


def test_nothing_adds_up_to_nothing() -> None:
    """No gateway is an empty histogram, which attains nothing and misses nothing."""
    assert merged([]) == Histogram()
    assert attainment(merged([]), 1.0) is None


@given(values=st.lists(st.floats(0.001, 200.0), min_size=1, max_size=50), bound=st.sampled_from(LATENCY_BOUNDS_S))
def test_attainment_is_exact_at_a_bucket_bound(values: list[float], bound: float) -> None:
    """There it is the share itself and no estimate."""
    assert attainment(histogram(*values), bound) == sum(value <= bound for value in values) / len(values)


@given(
    values=st.lists(st.floats(0.001, 200.0), min_size=1, max_size=50), a=st.floats(0.0, 100.0), b=st.floats(0.0, 100.0)
)
def test_a_looser_target_is_met_at_least_as_often(values: list[float], a: float, b: float) -> None:
    """Attainment grows with the target and stays a share."""
    tight, loose = (attainment(histogram(*values), target) for target in sorted((a, b)))
    assert tight is not None
    assert loose is not None
    assert 0.0 <= tight <= loose <= 1.0
