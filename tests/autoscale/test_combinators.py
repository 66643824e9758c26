"""Hysteresis, step limits, bounds and containment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscale.fleet import Fleet
from autoscale.policies.combinators import Bounds, Contained, HoldDown, HoldUp, StepLimit
from autoscale.policies.compose import compose
from autoscale.policy import Decision, Policy
from autoscale.spec import AutoscaleSpec
from tests.autoscale.builders import Scripted, fleet, pool

RECOMMENDED = st.lists(st.integers(0, 20), min_size=1, max_size=30)


def run(policy: Policy, times_s: list[float], target: int = 1) -> list[int]:
    """Ask at each time, and let Serve follow each answer at once."""
    answers = []
    for at_s in times_s:
        target = policy.decide(fleet(at_s, dense=pool(ready=0, target=target))).pools["dense"].replicas
        answers.append(target)
    return answers


def every_second(count: int) -> list[float]:
    return [float(second) for second in range(count)]


def test_holds_replicas_until_the_window_has_passed() -> None:
    """A single high recommendation stands for exactly its window."""
    policy = HoldDown(Scripted([5, 1]), window_s=3.0)
    assert run(policy, every_second(6)) == [5, 5, 5, 1, 1, 1]


@given(recommended=RECOMMENDED, window=st.integers(1, 10))
def test_hold_down_answers_the_highest_recommendation_of_its_window(recommended: list[int], window: int) -> None:
    """And never less than the inner policy asks for now."""
    answers = run(HoldDown(Scripted(recommended), float(window)), every_second(len(recommended)), target=0)
    highest = [max(recommended[max(0, at - window + 1) : at + 1]) for at in range(len(recommended))]
    assert answers == highest


def test_a_new_hold_down_begins_with_what_the_pool_has() -> None:
    """After a restart the first low recommendation does not cut a pool whose past nobody remembers."""
    assert run(HoldDown(Scripted([1]), window_s=2.0), every_second(3), target=4) == [4, 4, 1]


def test_scales_up_only_after_the_window_asked_for_it_throughout() -> None:
    """A short spike passes; a lasting one is followed, to its lowest point."""
    assert run(HoldUp(Scripted([5, 1]), window_s=2.0), every_second(3)) == [1, 1, 1]
    assert run(HoldUp(Scripted([5, 4, 5]), window_s=2.0), every_second(4)) == [1, 1, 4, 5]


def test_without_hold_the_first_recommendation_is_followed() -> None:
    """Zero seconds is no delay, in either direction."""
    assert run(HoldUp(HoldDown(Scripted([5, 2]), 0.0), 0.0), every_second(2)) == [5, 2]


@given(recommended=RECOMMENDED, up=st.integers(1, 5), down=st.integers(1, 5), start=st.integers(0, 20))
def test_no_step_is_longer_than_allowed(recommended: list[int], up: int, down: int, start: int) -> None:
    """Every answer is within a step of the target that it changes."""
    answers = run(StepLimit(Scripted(recommended), up=up, down=down), every_second(len(recommended)), start)
    for before, after in zip([start, *answers], answers, strict=False):
        assert -down <= after - before <= up


@given(recommended=RECOMMENDED, low=st.integers(0, 5), spread=st.integers(0, 5), target=st.integers(0, 30))
def test_nothing_leaves_the_bounds(recommended: list[int], low: int, spread: int, target: int) -> None:
    """Whatever the inner policy asks and wherever the pool stands now."""
    policy = Bounds(Scripted(recommended))
    for at_s in every_second(len(recommended)):
        bounded = pool(ready=0, target=target, min_replicas=low, max_replicas=max(1, low + spread))
        answer = policy.decide(fleet(at_s, dense=bounded)).pools["dense"].replicas
        assert bounded.min_replicas <= answer <= bounded.max_replicas


def test_every_change_by_a_wrapper_is_in_the_reason() -> None:
    """The numbers of the inner decision stay, and what limited it is added."""
    decision = Bounds(StepLimit(Scripted([50]), up=4, down=1)).decide(fleet(dense=pool(ready=3, max_replicas=5)))
    assert decision.pools["dense"].reason == "scripted; step from 3 limited; at max 5"


class Broken:
    """Raises on every second fleet and forgets one pool on the others."""

    def __init__(self) -> None:
        self._asked = 0

    def decide(self, fleet: Fleet) -> Decision:
        self._asked += 1
        if self._asked % 2:
            raise ZeroDivisionError
        return Decision(pools={})


def test_a_broken_policy_becomes_one_that_holds_and_is_counted() -> None:
    """Every pool stays as it is, for a stated reason, and later fleets are still asked about."""
    policy = Contained(Broken())
    present = fleet(dense=pool(ready=2), moe=pool(ready=1, starting=2))
    raised, forgot = policy.decide(present), policy.decide(present)
    assert [told.replicas for told in raised.pools.values()] == [2, 3]
    assert "ZeroDivisionError" in raised.pools["dense"].reason
    assert {name: told.replicas for name, told in forgot.pools.items()} == {"dense": 2, "moe": 3}
    assert policy.errors == 2


@pytest.mark.parametrize("down", ["0s", "20s"])
def test_the_composed_policy_goes_up_at_once_and_down_after_its_hold(down: str) -> None:
    """A burst of work makes one replica two; when it ends the second stays for the hold and then goes."""
    policy = compose(
        AutoscaleSpec.model_validate({"policy": "queue", "hold": {"down": down}, "queue": {"target_utilization": 0.5}})
    )
    hold_s = 20 if down == "20s" else 0
    target, sizes = 1, []
    for second in range(40):
        busy = pool(ready=target, running=4 if second < 5 else 0, min_replicas=1, max_replicas=2)
        target = policy.decide(fleet(float(second), dense=busy)).pools["dense"].replicas
        sizes.append(target)
    assert sizes == [2] * (5 + max(0, hold_s - 1)) + [1] * (40 - 5 - max(0, hold_s - 1))
