"""The SLA policy as a whole, on fleets whose capacity its own estimator works out."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscale.capacity.estimate import Capacity, CapacityEstimator
from autoscale.capacity.knee import Knee
from autoscale.capacity.knee_source import KneeQuestion, analytic
from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Demand, Fleet, PoolFleet, ReplicaFleet, Slo
from autoscale.policies.forecast.policy import ForecastPolicy
from autoscale.policies.queue import QueueSpec
from autoscale.policies.sla.policy import Sla
from autoscale.policies.sla.spec import SlaSpec
from autoscale.policy import PoolDecision
from deployments.totals import LengthTotals, StepTotals
from tests.autoscale.builders import fleet, pool

PROFILE = EngineProfile(
    model="m",
    hardware="h",
    step=StepModel(base_s=0.01, prefill_token_s=2e-5, prefill_context_s=0, sequence_s=2e-4, kv_token_s=1e-7),
    limits=EngineLimits(slots=64, batched_tokens=2048, kv_tokens=200_000),
    starts=StartTimes(median_s=180.0, sigma=0.0),
)
LENGTHS = LengthTotals(
    requests=1e6, prompt_tokens=5e8, output_tokens=1e8, prompt_squared=5e11, output_squared=2e10, prompt_output=5e10
)

# What a bug elsewhere may leave where a number belongs.
NONE = cast("Any", None)


def fresh(**options: Any) -> Sla:
    """Return a new policy."""
    return Sla(SlaSpec(**options), QueueSpec())


def state(arrived: float, *, ready: int = 8, held: int = 0, missed: float = 0.0, **given: Any) -> PoolFleet:
    """Return a pool that *arrived* requests have come to, all answered, and *missed* of them too late."""
    demand = Demand(
        arrivals_total=int(arrived),
        judged_total=int(arrived),
        within_total=int(arrived - missed),
        held=held,
        in_flight=held,
        lengths=LENGTHS,
    )
    defaults = {"demand": demand, "profile": PROFILE, "slo": Slo(ttft_p95_s=1.0, tpot_p95_s=0.05)}
    return pool(ready=ready, **{"min_replicas": 1, **defaults, **given})


def fleets(rates_rps: Iterable[float], *, gap_s: float = 5.0, **given: Any) -> Iterator[Fleet]:
    """Yield the fleets of a pool of 8 that is asked at these rates, one every *gap_s* seconds."""
    arrived = 0.0
    for at, rate_rps in enumerate(rates_rps):
        arrived += rate_rps * gap_s
        yield fleet(1e6 + at * gap_s, dense=state(arrived, **given))


def last(policy: Sla, shown: Iterable[Fleet]) -> PoolDecision:
    """Show all, and return the last decision."""
    for one in shown:
        told = policy.decide(one)
    return told.pools["dense"]


def test_plans_the_forecast_and_its_margin_on_what_a_replica_carries() -> None:
    """A steady rate needs what its numbers say: the high forecast divided by what one replica carries."""
    told = last(fresh(), fleets([10.0] * 400))
    numbers = told.numbers
    assert numbers["forecast_rps"] == pytest.approx(10.0, rel=0.02)
    carried = numbers["planned_replicas"] * numbers["capacity_rps"]
    assert carried - numbers["capacity_rps"] < numbers["forecast_high_rps"] <= carried * 1.001
    assert told.binds in {"demand", "release"}
    assert "10/s now" in told.reason


def test_many_pools_that_change_at_once_are_worked_out_one_after_the_other() -> None:
    """In the first decision all of them are, since there is nothing else to go by."""
    longer = replace(LENGTHS, requests=1e7, prompt_tokens=1e10, output_tokens=1e9, prompt_squared=2e13)
    policy, renewed, arrived = fresh(), [], 0.0
    for at in range(7):
        arrived += 50.0
        one = state(arrived)
        assert one.demand is not None
        one = replace(one, demand=replace(one.demand, lengths=longer if at else LENGTHS))
        policy.decide(fleet(1e6 + 5.0 * at, **{f"pool-{name}": one for name in range(10)}))
        renewed.append(sum(learned.estimator.renewed for learned in policy._pools.values()))
    assert renewed == [10, 13, 16, 19, 20, 20, 20]


def test_more_noise_is_more_headroom() -> None:
    """Two series of the same mean: one steady, one that swings by a third every ten minutes."""
    swinging = [9.0 + 3.0 * (1 if at // 120 % 2 else -1) for at in range(1500)]
    calm, wild = last(fresh(), fleets([9.0] * 1500)), last(fresh(), fleets(swinging))
    assert wild.numbers["forecast_error_share"] > 2 * calm.numbers["forecast_error_share"]
    assert wild.numbers["forecast_high_rps"] > 1.2 * calm.numbers["forecast_high_rps"]


def test_a_stricter_target_never_asks_for_fewer() -> None:
    """Nor does a dearer miss."""
    asked = [
        last(fresh(slo_target=target, cost_weight=weight), fleets([12.0] * 100, ready=1)).replicas
        for target, weight in ((0.99, 1), (0.999, 1), (0.9999, 1), (0.9999, 10))
    ]
    assert asked == sorted(asked)


@settings(max_examples=25, deadline=None)
@given(rates=st.lists(st.floats(0, 15), min_size=3, max_size=40), more=st.floats(1, 3))
def test_more_demand_never_asks_for_fewer(rates: list[float], more: float) -> None:
    """The same course, higher throughout, on the same small pool."""
    less = last(fresh(), fleets(rates, ready=1))
    higher = last(fresh(), fleets([rate * more for rate in rates], ready=1))
    assert higher.replicas >= less.replicas


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(1, 15), held=st.integers(0, 20_000))
def test_never_below_what_the_queue_asks_for(rate: float, held: int) -> None:
    """Whatever was forecast, and also while replicas start."""
    told = last(fresh(), fleets([rate] * 20, held=held, starting=2))
    assert told.replicas >= min(told.numbers["backstop_replicas"], 100_000)


def test_a_queue_asks_once_and_not_again_while_replicas_start() -> None:
    """What comes is counted: with it on its way the same queue asks for no more."""
    policy = fresh()
    first = last(policy, fleets([6.0] * 20, ready=1, held=600))
    assert first.binds == "backstop"
    again = last(fresh(), fleets([6.0] * 20, ready=1, held=600, starting=first.replicas - 1))
    assert again.replicas <= first.replicas


@settings(max_examples=15, deadline=None)
@given(rates=st.lists(st.floats(0, 15), min_size=2, max_size=30))
def test_the_same_fleets_give_the_same_decisions(rates: list[float]) -> None:
    """Also where one is restarted half way, up to what comes back within minutes."""
    one, other = fresh(), fresh()
    for shown in fleets(rates):
        assert one.decide(shown) == other.decide(copy.deepcopy(shown))


def test_what_was_learnt_survives_a_restart_as_json() -> None:
    """After hours of swings a new policy keeps the headroom that they taught; a stranger's memory is refused."""
    policy = fresh()
    swinging = [9.0 + 3.0 * (1 if at // 120 % 2 else -1) for at in range(1500)]
    before = last(policy, fleets(swinging))
    heir = fresh()
    heir.recall(json.loads(json.dumps(policy.remembered())))
    later = list(fleets(swinging + [12.0] * 3))[-3:]
    after = last(heir, later)
    assert after.numbers["forecast_error_share"] == pytest.approx(before.numbers["forecast_error_share"], rel=0.1)
    with pytest.raises((ValueError, KeyError, TypeError)):
        fresh().recall({"dense": {"headroom": {}}})


def test_without_any_capacity_the_queue_decides_and_says_so() -> None:
    """Neither a profile nor a step: 40 running on slots of 4 at 70 % are 15."""
    told = last(fresh(), [fleet(dense=pool(ready=2, running=40))])
    assert told.replicas == 15
    assert told.reason.startswith("capacity unknown, by the queue: work: 40 ongoing")


def test_an_idle_pool_that_may_be_empty_becomes_so_when_that_is_worth_it() -> None:
    """A start of 180 s and a penalty of 300 s: after 480 idle seconds, and not before."""
    policy = fresh()
    busy = list(fleets([1.0] * 10, ready=1, min_replicas=0))
    last(policy, busy)
    sizes = [
        policy.decide(fleet(1e6 + 50 + after, dense=state(50, ready=1, min_replicas=0))).pools["dense"]
        for after in range(0, 1400, 5)
    ]
    zero = next(at for at, told in enumerate(sizes) if told.replicas == 0)
    assert 480 <= zero * 5 <= 720
    assert "idle for" in sizes[zero].reason
    woken = policy.decide(fleet(1e6 + 1500, dense=state(51, ready=0, min_replicas=0, held=1))).pools["dense"]
    assert woken.replicas >= 1


def test_what_is_not_seen_does_not_get_smaller() -> None:
    """A silent gateway may grow the pool and never shrink it."""
    policy = fresh()
    last(policy, fleets([6.0] * 400))
    told = policy.decide(fleet(1e6 + 3000, dense=state(3e3, blind=("gateway g0 silent for 9s",)))).pools["dense"]
    assert told.replicas >= 8
    assert "silent" in told.reason


def test_a_pool_that_is_late_at_leisure_is_believed_to_be_slower() -> None:
    """A fifth of the requests miss although the model sees no work: capacity is corrected until more are asked for."""
    policy = fresh()
    told = last(policy, fleets([6.0] * 50))
    before = told.numbers["capacity_rps"]
    for tick in range(50, 250):
        arrived = 6.0 * 5 * (tick + 1)
        late = state(arrived, missed=(tick - 49) * 6.0)
        told = policy.decide(fleet(1e6 + 5 * tick, dense=late)).pools["dense"]
    assert told.numbers["capacity_belief"] < 0.85
    assert told.numbers["capacity_rps"] < 0.85 * before * 1.05


@pytest.mark.parametrize(
    "wrong",
    [
        {"replicas": (ReplicaFleet(replica="r", stage="ready", since_s=0.0, steps=StepTotals(gram=(NONE,) * 15)),)},
        {"demand": Demand(arrivals_total=NONE, lengths=LENGTHS)},
    ],
)
def test_a_pool_that_cannot_be_worked_out_costs_no_other_anything(
    wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It is sized without, which is said once, and what it has to say later is learnt anew."""
    policy, alone, arrived = fresh(), fresh(), 0.0
    for at in range(30):
        arrived += 50.0
        sound = state(arrived)
        shown = {"dense": state(arrived, **wrong) if 10 <= at < 20 else sound, "moe": sound}
        told = policy.decide(fleet(1e6 + 5 * at, **shown)).pools
        assert told["moe"] == alone.decide(fleet(1e6 + 5 * at, moe=sound)).pools["moe"]
        assert "planned_replicas" not in told["dense"].numbers or not 10 <= at < 20
    assert "planned_replicas" in told["dense"].numbers
    assert caplog.text.count("pool=dense") == 1


@pytest.mark.parametrize(
    ("pools", "simulated"),
    [
        ({"max_replicas": 1}, False),
        ({"max_replicas": 1, "stand_ins": ("small",)}, True),
        ({"max_replicas": 2}, True),
    ],
)
def test_nothing_is_simulated_where_nothing_can_be_decided(*, pools: dict[str, Any], simulated: bool) -> None:
    """A pool of one size is explained by formulas, until its bounds leave a choice."""
    questions = list[KneeQuestion]()

    def simulate(asked: KneeQuestion) -> Knee:
        questions.append(asked)
        return analytic(asked)

    policy = Sla(SlaSpec(), QueueSpec(), simulate)
    told = last(policy, fleets([1.0] * 5, ready=1, **pools))
    assert told.numbers["capacity_rps"] > 0
    assert bool(questions) == simulated
    last(policy, (replace(one, at_s=one.at_s + 60) for one in fleets([1.0] * 5, ready=1, max_replicas=3)))
    assert questions


def test_nothing_is_simulated_under_forecasts_either() -> None:
    """The rule is of the pool, not of a policy."""
    questions = list[KneeQuestion]()

    def simulate(asked: KneeQuestion) -> Knee:
        questions.append(asked)
        return analytic(asked)

    policy = ForecastPolicy(0.9, simulate)
    for one in fleets([1.0] * 5, ready=1, max_replicas=1):
        policy.decide(one)
    assert not questions
    for one in fleets([1.0] * 5, ready=1, max_replicas=2):
        policy.decide(replace(one, at_s=one.at_s + 60))
    assert questions


def test_a_number_of_replicas_that_nobody_knows_of_is_planned_on_what_each_does_now() -> None:
    """The estimator may know nothing of more than there are; that is no division by zero."""

    class Few(CapacityEstimator):
        def capacity(self, pool: PoolFleet, *, replicas: int = 1) -> Capacity:
            return super().capacity(pool, replicas=replicas) if replicas <= pool.ready else Capacity()

    policy = fresh()
    learned = policy._fresh()
    learned.estimator = Few()
    policy._pools["dense"] = learned
    told = last(policy, fleets([30.0] * 20, ready=1))
    assert told.replicas > 1
    assert told.numbers["capacity_rps"] > 0
