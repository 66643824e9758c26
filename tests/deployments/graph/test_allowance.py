"""The token bucket that bounds extra work."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.graph.allowance import Allowance, AllowanceRule

rules = st.builds(AllowanceRule, share=st.floats(0, 1), per_second=st.floats(0, 20), burst=st.floats(1, 50))
events = st.lists(st.tuples(st.sampled_from(["earn", "spend"]), st.floats(-1, 5)), max_size=120)


@given(rule=rules, saved=st.floats(0, 50), events=events)
def test_never_spends_more_than_was_earned(rule: AllowanceRule, saved: float, events: list[tuple[str, float]]) -> None:
    """Whatever comes in which order, and if the clock jumps back: savings, the share of requests, and the floor."""
    allowance, now_s, latest_s = Allowance(rule, saved=saved), 0.0, 0.0
    earned = spent = 0
    allowance.earn(now_s)
    earned += 1
    for what, step_s in events:
        now_s += step_s
        latest_s = max(latest_s, now_s)
        if what == "earn":
            allowance.earn(now_s)
            earned += 1
        else:
            spent += allowance.spend(now_s)
        assert spent <= saved + rule.share * earned + rule.per_second * latest_s + 1e-6


def test_a_share_of_requests() -> None:
    """Of a hundred requests that all want more, five get it at 5 %."""
    allowance = Allowance(AllowanceRule(share=0.05, per_second=0, burst=10))
    spent = 0
    for _ in range(100):
        allowance.earn(0)
        spent += allowance.spend(0)
    assert spent == 5


def test_the_floor_helps_where_requests_are_few() -> None:
    """One request a minute may always go on."""
    allowance = Allowance(AllowanceRule(share=0, per_second=1, burst=2))
    results = []
    for minute in range(1, 5):
        allowance.earn(60 * minute)
        results.append(allowance.spend(60 * minute))
    assert results == [False, True, True, True]


def test_savings_are_bounded() -> None:
    """A quiet night does not pay for a storm."""
    allowance = Allowance(AllowanceRule(share=0.2, per_second=10, burst=3))
    allowance.earn(0)
    assert [allowance.spend(1e6) for _ in range(5)] == [True, True, True, False, False]


def test_a_new_rule_holds_at_once() -> None:
    """A changed graph bounds what was saved under the old one."""
    allowance = Allowance(AllowanceRule(burst=100), saved=100)
    allowance.rule = AllowanceRule(share=0, per_second=0, burst=1)
    assert [allowance.spend(0), allowance.spend(0)] == [True, False]
