"""Policies of one rule each, with numbers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from autoscale.capacity.profile import EngineLimits
from autoscale.fleet import Demand, Load, PoolFleet, ReplicaFleet
from autoscale.hardware import Hardware
from autoscale.policies.compose import compose
from autoscale.policies.cost_ceiling import CostCeiling
from autoscale.policies.error_budget import ErrorBudget
from autoscale.policies.grammar import parse
from autoscale.policies.kind import Build
from autoscale.policies.maximum import Maximum
from autoscale.policies.queue import QueueSpec
from autoscale.policy import Decision, Policy, PoolDecision
from autoscale.spec import AutoscaleSpec
from deployments.graph.predicates import holds
from deployments.graph.subject import Subject
from deployments.graph.when import When
from tests.autoscale.builders import Scripted, fleet, pool
from tests.deployments.scripted import chat, context


def built(written: Any) -> Policy:
    """Return the policy that a configuration would have."""
    return parse(written).build(Build(QueueSpec()))


def asked(written: Any, state: PoolFleet, at_s: float = 1000.0) -> int:
    """Return what a fresh policy gives one pool."""
    return built(written).decide(fleet(at_s, dense=state)).pools["dense"].replicas


def test_ongoing_requests_are_shared_out() -> None:
    """21 open requests at 10 a replica need 3, whatever there is."""
    busy = pool(ready=1, running=15, waiting=6)
    assert asked({"ongoing-requests": {"per_replica": 10}}, busy) == 3
    assert asked({"ongoing-requests": {"per_replica": 10}}, pool(ready=5)) == 0


def test_the_queue_asks_for_replicas_until_it_drains_in_time() -> None:
    """80 held at 4 first tokens a second need 20 s, four times the 5 s allowed: 2 ready become 8."""
    slow = pool(ready=2, demand=Demand(in_flight=80, held=80, first_token_rate=4.0), slots=64)
    assert asked({"queue-drain": {"within": "5s"}}, slow) == 8


def test_an_empty_queue_keeps_seats_for_what_runs() -> None:
    """Ten running at 4 slots each are 3 replicas, not none."""
    assert asked("queue-drain", pool(ready=4, running=10)) == 3


def test_kv_caches_are_filled_to_a_share() -> None:
    """Two caches at 90 % and 7,000 prompt tokens queued for 20,000 are 2.15 caches: at 60 % that is 4."""
    loads = [
        ReplicaFleet(
            replica=f"r{at}",
            stage="ready",
            since_s=0,
            load=Load(running=1, waiting=0, kv_used=0.9, queued_prompt_tokens=3500),
        )
        for at in range(2)
    ]
    state = pool(replicas=tuple(loads), limits=EngineLimits(kv_tokens=20_000))
    assert asked({"kv": {"target": "60%"}}, state) == 4


def test_an_empty_cache_with_requests_on_their_way_keeps_one() -> None:
    """A prompt that has not reached an engine is work all the same."""
    assert asked("kv", pool(ready=1, demand=Demand(in_flight=1))) == 1


SHIFTS = {
    "schedule": {
        "timezone": "Europe/Berlin",
        "otherwise": 1,
        "lead": "10m",
        "shifts": [
            {"days": "mon-fri", "from": "08:00", "to": "18:00", "replicas": 6},
            {"days": ["sat", "sun"], "from": "22:00", "to": "02:00", "replicas": 3},
        ],
    }
}


@pytest.mark.parametrize(
    ("moment", "replicas"),
    [
        ("2026-01-05T06:49", 1),  # Monday 07:49 in Berlin: eleven minutes early
        ("2026-01-05T06:50", 6),
        ("2026-01-05T16:59", 6),
        ("2026-01-05T17:00", 1),
        ("2026-07-06T05:50", 6),  # summer time: the same 07:50
        ("2026-01-10T21:00", 3),  # Saturday 22:00
        ("2026-01-12T00:30", 3),  # the hours of Sunday go on into Monday
        ("2026-01-12T01:00", 1),
    ],
)
def test_a_schedule_goes_by_the_clocks_of_its_zone(moment: str, replicas: int) -> None:
    """Summer time, midnight and the time a start takes are all in it."""
    at_s = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    assert asked(SHIFTS, pool(ready=1), at_s) == replicas


OFFICE = {"days": "mon-fri", "from": "08:00", "to": "18:00", "timezone": "Asia/Tokyo", "except": ["2026-01-06"]}


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-01-05T08:59", True),  # Monday 17:59 in Tokyo
        ("2026-01-05T09:00", False),
        ("2026-01-06T03:00", False),  # closed
        ("2026-01-06T23:00", True),  # Wednesday 08:00
    ],
)
def test_the_hours_of_a_shift_are_those_of_a_switch(moment: str, open_: bool) -> None:
    """One and the same text, with its own time zone whatever that of the schedule is, and its days off."""
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    routed = holds(When.model_validate({"hours": OFFICE}), Subject(chat(), context(now=now)))
    schedule = {"schedule": {"timezone": "Europe/Berlin", "shifts": [{**OFFICE, "replicas": 4}]}}
    assert routed is open_
    assert asked(schedule, pool(ready=1), now.timestamp()) == (4 if open_ else 0)


def _judged(judged: int, within: int, **given: Any) -> PoolFleet:
    return pool(ready=8, demand=Demand(judged_total=judged, within_total=within), **given)


def test_a_burning_budget_asks_for_a_quarter_more() -> None:
    """2 % of misses burn a 0.1 % budget twenty times too fast: 8 ready become 10; without misses it asks for none."""
    policy = ErrorBudget(0.999, 0.25)
    for minute in range(70):
        policy.decide(fleet(60.0 * minute, dense=_judged(1000 * minute, 980 * minute)))
    told = policy.decide(fleet(4200.0, dense=_judged(70_000, 68_600))).pools["dense"]
    assert told.replicas == 10
    assert told.numbers["burn_rate_3600s"] == pytest.approx(20.0)
    for minute in range(71, 140):
        last = policy.decide(fleet(60.0 * minute, dense=_judged(1000 * minute, 1000 * minute - 1400)))
    assert last.pools["dense"].replicas == 0


def test_replicas_that_have_just_come_get_their_chance() -> None:
    """Misses from before the last one was ready do not ask for the next."""
    policy = ErrorBudget(0.999, 0.25)
    for minute in range(70):
        policy.decide(fleet(60.0 * minute, dense=_judged(1000 * minute, 980 * minute)))
    new = ReplicaFleet(replica="new", stage="ready", since_s=4100.0)
    state = _judged(70_000, 68_600, replicas=(*pool(ready=8).replicas, new))
    assert policy.decide(fleet(4200.0, dense=state)).pools["dense"].replicas == 8


def test_the_highest_of_several_wins_and_says_who_lost() -> None:
    """All are asked every time."""
    told = Maximum((Scripted([2]), Scripted([5]), Scripted([5]))).decide(fleet(dense=pool())).pools["dense"]
    assert (told.replicas, told.rejected) == (5, ("2: scripted", "5: scripted"))


def test_the_ceiling_takes_from_the_lowest_priority_first() -> None:
    """20 at 4 and 10 at 2 an hour cost 100; for 70 the second goes to its minimum and then the first is trimmed."""
    dear = pool(hardware=Hardware(cost_per_hour=4.0), priority=1)
    cheap = pool(hardware=Hardware(cost_per_hour=2.0), min_replicas=2)

    class Both:
        def decide(self, state: Any) -> Decision:
            return Decision(
                pools={name: PoolDecision(replicas=20 if name == "a" else 10, reason="x") for name in state.pools}
            )

    told = CostCeiling(Both(), 70.0).decide(fleet(a=dear, b=cheap)).pools
    assert (told["a"].replicas, told["b"].replicas) == (16, 2)
    assert told["a"].binds == "cost-ceiling"


def test_a_pool_may_have_a_policy_of_its_own() -> None:
    """The others keep the common one; each sees its own pools only, and the outer bounds hold for all."""
    spec = AutoscaleSpec.model_validate(
        {
            "policy": {"ongoing-requests": {"per_replica": 2}},
            "pools": {"moe": {"policy": {"ongoing-requests": {"per_replica": 1}}}},
            "hold": {"down": 0},
            "step": {"up": 100},
        }
    )
    told = compose(spec).decide(fleet(dense=pool(running=8), moe=pool(running=8, max_replicas=5))).pools
    assert (told["dense"].replicas, told["moe"].replicas) == (4, 5)


class Mine:
    """A third party's policy."""

    def __init__(self, replicas: int, breaks: bool = False) -> None:
        self.replicas, self.breaks = replicas, breaks

    def decide(self, state: Any) -> Decision:
        if self.breaks:
            raise ZeroDivisionError
        return Decision(pools={name: PoolDecision(replicas=self.replicas, reason="mine") for name in state.pools})


def test_a_class_on_the_python_path_is_a_policy() -> None:
    """It is built with its options; where it raises, its pools hold and the failure is counted."""
    spec = {"python": f"{__name__}:Mine", "options": {"replicas": 7}}
    policy = compose(AutoscaleSpec.model_validate({"policy": spec}))
    assert policy.decide(fleet(dense=pool())).pools["dense"].replicas == 7
    broken = {"python": f"{__name__}:Mine", "options": {"replicas": 7, "breaks": True}}
    policy = compose(
        AutoscaleSpec.model_validate({"policy": {"max": [broken, {"schedule": {"shifts": [{"replicas": 1}]}}]}})
    )
    assert policy.decide(fleet(dense=pool(ready=3))).pools["dense"].replicas == 3
    assert policy.errors == 1


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"python": "no.such_module:P"}, "cannot be imported: No module named 'no'; put its folder on PYTHONPATH"),
        ({"python": f"{__name__}:Nobody"}, "cannot be built: .*Nobody"),
        ({"python": f"{__name__}:Mine", "options": {"replicaz": 1}}, "policy.options: .*unexpected keyword.*replicaz"),
        ({"python": "builtins:dict"}, "has no method decide"),
    ],
)
def test_a_class_that_cannot_be_used_is_refused_with_the_reason(written: Any, message: str) -> None:
    """Before anything is decided, so that nothing has changed."""
    with pytest.raises(ValueError, match=message):
        compose(AutoscaleSpec.model_validate({"policy": written}))


def test_defaults_of_hold_and_step_are_for_policies_that_do_not_damp_themselves() -> None:
    """A plain rule goes down one at a time after a minute; a schedule at once, unless a hold is written."""
    rule = {"ongoing-requests": {"per_replica": 1}}
    shift = {"schedule": {"shifts": [{"replicas": 1}]}}
    for policy, hold, expected in ((rule, {}, 9), (shift, {}, 1), (shift, {"down": "60s"}, 9)):
        composed = compose(AutoscaleSpec.model_validate({"policy": policy, "hold": hold}))
        composed.decide(fleet(0.0, dense=pool(ready=9, running=9)))
        assert composed.decide(fleet(30.0, dense=pool(ready=9))).pools["dense"].replicas == expected
