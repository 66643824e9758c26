"""The bounds against brute force: every schedule of a small instance."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscale.backtest.bounds import dual_bound_s, family, load_bound_s, opt100
from autoscale.backtest.levels import Work, cost_s, missed_s, schedules

DEMANDS = st.lists(st.floats(0.0, 3.0).map(lambda x: round(x, 2)), min_size=1, max_size=6)
LEAST = st.integers(0, 1)
STARTS_S = st.sampled_from([0.0, 5.0, 12.0, 40.0])


def work(demand: list[float], start_s: float, least: int) -> Work:
    return Work(replicas=np.array(demand), step_s=10.0, start_s=start_s, least=least)


def every(of: Work) -> list[np.ndarray]:
    levels = range(of.least, of.levels + 1)
    return [np.array(counts) for counts in product(levels, repeat=len(of.replicas))]


@given(demand=DEMANDS, start_s=STARTS_S, least=LEAST, price=st.sampled_from([0.4, 1.3, 3.7, 30.0]))
@settings(max_examples=150, deadline=None)
def test_the_priced_schedule_is_the_cheapest_of_all(demand, start_s, least, price):
    """Level by level is as good as all schedules tried one by one."""
    of = work(demand, start_s, least)

    def priced(counts: np.ndarray) -> float:
        return cost_s(of, counts) + price * missed_s(of, counts)

    found = schedules(of, [price])[0]
    assert priced(found) == pytest.approx(min(map(priced, every(of))))


@given(demand=DEMANDS, start_s=STARTS_S, least=LEAST)
@settings(max_examples=150, deadline=None)
def test_opt100_is_the_cheapest_that_covers_all(demand, start_s, least):
    """Of all schedules without missed work none costs less."""
    of = work(demand, start_s, least)
    found = opt100(of)
    assert (found >= of.replicas - 1e-9).all()
    assert cost_s(of, found) == pytest.approx(min(cost_s(of, one) for one in every(of) if missed_s(of, one) < 1e-6))


@given(demand=DEMANDS, start_s=STARTS_S)
@settings(max_examples=50, deadline=None)
def test_no_schedule_that_misses_as_little_is_below_the_dual(demand, start_s):
    """The certificate holds at every price, and the load bound below it."""
    of = work(demand, start_s, 0)
    allowed = 0.1
    cheapest = min(cost_s(of, one) for one in every(of) if missed_s(of, one) <= allowed * of.total_s + 1e-9)
    for one in family(of)[::6]:
        assert dual_bound_s(of, one, allowed) <= cheapest + 1e-6
    assert (1 - allowed) * load_bound_s(of) <= cheapest + 1e-6


def test_a_gap_is_bridged_only_while_that_is_cheaper_than_a_start():
    """Two steps of 10 s off against a start of 15 s and of 25 s."""
    demand = [2.0, 0.0, 0.0, 2.0]
    assert opt100(work(demand, 15.0, 1)).tolist() == [2, 1, 1, 2]
    assert opt100(work(demand, 25.0, 1)).tolist() == [2, 2, 2, 2]


def test_prices_are_followed_a_few_at_once(monkeypatch):
    """However little memory there is, with the same result."""
    of = work([0.5, 2.5, 0.0, 3.0, 1.2], 12.0, 0)
    whole = schedules(of, [0.4, 1.3, 3.7, 30.0, 100.0])
    monkeypatch.setattr("autoscale.backtest.levels._MOST_BYTES", 2 * 5 * 3)
    assert schedules(of, [0.4, 1.3, 3.7, 30.0, 100.0]).tolist() == whole.tolist()


def test_a_dearer_miss_is_missed_less():
    """Along the prices the cost rises and the missed share falls; the last misses nothing, as OPT100."""
    rng = np.random.default_rng(1)
    of = work((6 + 4 * np.sin(np.arange(600) / 40) + rng.normal(0, 0.5, 600)).tolist(), 60.0, 1)
    found = family(of)
    assert [one.cost_s for one in found] == sorted(one.cost_s for one in found)
    assert [one.missed_share for one in found] == sorted((one.missed_share for one in found), reverse=True)
    assert found[-1].missed_share == pytest.approx(0.0, abs=1e-6)
    assert found[-1].cost_s == pytest.approx(cost_s(of, opt100(of)), rel=1e-3)
