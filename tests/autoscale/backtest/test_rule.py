"""Rules at their own pace."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoscale.backtest.rule import RulePolicy
from autoscale.backtest.trailing import Trailing
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision
from tests.autoscale.builders import fleet, pool


@dataclass
class Counting:
    """Asks for as many replicas as it was asked times."""

    interval_s: float = 15.0
    seen: list[float] = field(default_factory=list)
    asked: int = 0

    def see(self, pool: PoolFleet, at_s: float) -> None:
        self.seen.append(at_s)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        self.asked += 1
        return PoolDecision(replicas=self.asked, reason="counted")


def test_a_rule_is_asked_at_its_own_pace_and_sees_every_look():
    """In between, its last answer stands."""
    rule = Counting()
    policy = RulePolicy(lambda: rule)
    answers = [policy.decide(fleet(at_s, dense=pool())).pools["dense"].replicas for at_s in range(0, 35, 5)]
    assert answers == [1, 1, 1, 2, 2, 2, 3]
    assert rule.seen == list(range(0, 35, 5))


def test_answers_stay_within_the_pools_bounds():
    """Whatever the rule says."""
    policy = RulePolicy(Counting)
    assert policy.decide(fleet(0.0, dense=pool(min_replicas=3))).pools["dense"].replicas == 3


def test_a_window_forgets_and_keeps_the_newest():
    """What is older than the window is gone, the newest never."""
    window = Trailing(10.0)
    for at_s, value in ((0.0, 9.0), (5.0, 1.0), (10.0, 3.0)):
        window.add(at_s, value)
    assert (window.mean, window.highest, window.lowest) == (2.0, 3.0, 1.0)
    assert window.mean_since(5.0) == 3.0
    window.add(100.0, 7.0)
    assert (len(window), window.mean) == (1, 7.0)
