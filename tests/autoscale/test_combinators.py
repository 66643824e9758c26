"""Hysteresis, step limits, bounds and containment."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscale.fleet import Fleet
from autoscale.policies.combinators import Bounds, Contained, HoldDown, HoldUp, StepLimit
from autoscale.policies.compose import compose
from autoscale.policy import Decision, Policy, PoolDecision
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


class Answers:
    """Answers what it is given: of the pool ``dense`` that, and of ``moe`` three replicas."""

    def __init__(self, told: Any, brown_out: Any = MappingProxyType({})) -> None:
        self._told, self._brown_out = told, brown_out

    def decide(self, fleet: Fleet) -> Decision:
        moe = PoolDecision(replicas=3, reason="three")
        return Decision(pools={"dense": self._told, "moe": moe}, brown_out=self._brown_out)


def answer(replicas: Any = 5, **fields: Any) -> PoolDecision:
    return PoolDecision(**{"replicas": replicas, "reason": "five", **fields})


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (answer(2.5), "replicas is 2.5 of type float"),
        (answer(math.nan), "replicas is nan of type float"),
        (answer("5"), "replicas is '5' of type str"),
        (answer(reason=5), "reason is of type int"),
        (answer(binds=None), "binds is of type NoneType"),
        (answer(rejected="no"), "rejected is of type str"),
        (answer(rejected=(1,)), "rejected is of type int"),
        (answer(numbers=None), "numbers is of type NoneType"),
        (answer(numbers={"rate_rps": math.inf}), r"numbers\['rate_rps'\] is inf"),
        (answer(numbers={"rate_rps": "1"}), r"numbers\['rate_rps'\] is of type str"),
        ({"replicas": 5}, "the decision is of type dict"),
    ],
)
def test_a_wrong_answer_holds_its_pool_alone(told: Any, wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted and logged with what is wrong; the other pool has its answer."""
    policy = Contained(Answers(told))
    pools = policy.decide(fleet(dense=pool(ready=2), moe=pool(ready=1))).pools
    assert {name: one.replicas for name, one in pools.items()} == {"dense": 2, "moe": 3}
    assert re.search(wrong, pools["dense"].reason)
    assert policy.errors == 1
    assert re.search(f"policy_answer_wrong pool=dense why={wrong}", caplog.text)


def test_numbers_of_numpy_become_plain_ones() -> None:
    """They are numbers, and JSON knows none of them."""
    told = answer(np.int64(5), numbers={"rate_rps": np.float32(0.5), "seats": np.int64(4)})
    policy = Contained(Answers(told, {"dense": np.float64(0.25)}))
    decision = policy.decide(fleet(dense=pool(), moe=pool()))
    assert json.loads(json.dumps(asdict(decision)))["pools"]["dense"]["replicas"] == 5
    assert decision.pools["dense"].numbers == {"rate_rps": 0.5, "seats": 4.0}
    assert decision.brown_out == {"dense": 0.25}
    assert policy.errors == 0


@pytest.mark.parametrize("share", [None, -0.1, 1.5, math.nan, "half"])
def test_a_share_that_is_none_holds_its_pool_without_one(share: Any) -> None:
    """Half of it right is not enough."""
    policy = Contained(Answers(answer(), {"dense": share, "moe": 0.5}))
    decision = policy.decide(fleet(dense=pool(ready=2), moe=pool()))
    assert decision.pools["dense"].replicas == 2
    assert "brown_out is" in decision.pools["dense"].reason
    assert decision.brown_out == {"moe": 0.5}
    assert policy.errors == 1


@pytest.mark.parametrize("shares", [None, [0.5]])
def test_shares_that_are_not_by_pool_are_none(shares: Any, caplog: pytest.LogCaptureFixture) -> None:
    """They say nothing of a pool, so that no pool is held for them."""
    policy = Contained(Answers(answer(), shares))
    decision = policy.decide(fleet(dense=pool(), moe=pool()))
    assert (decision.pools["dense"].replicas, decision.brown_out, policy.errors) == (5, {}, 1)
    assert f"brown_out is of type {type(shares).__name__}" in caplog.text


@pytest.mark.parametrize("told", [None, {"dense": 5}, Decision(pools=cast("Any", [5]))])
def test_what_is_no_decision_holds_every_pool(told: Any) -> None:
    """Whoever wrote the policy forgot to return, or returned something else."""

    class Other:
        def decide(self, fleet: Fleet) -> Decision:
            return told  # type: ignore[no-any-return]

    policy = Contained(Other())
    pools = policy.decide(fleet(dense=pool(ready=2), moe=pool(ready=1))).pools
    assert {name: one.replicas for name, one in pools.items()} == {"dense": 2, "moe": 1}
    assert policy.errors == 1


def test_pools_that_nobody_asked_about_are_left_out() -> None:
    """Or they would be looked for further on."""
    assert Contained(Answers(answer())).decide(fleet(dense=pool())).pools.keys() == {"dense"}


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
