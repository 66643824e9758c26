"""The capacity estimate of a pool: from nothing, from a profile, and from what its replicas did."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import pytest

from autoscale.capacity.estimate import Capacity, CapacityEstimator
from autoscale.capacity.knee import Knee, knee
from autoscale.capacity.knee_source import KneeQuestion, analytic
from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.fleet import Demand, PoolFleet, ReplicaFleet, Slo
from deployments.totals import LengthTotals
from tests.autoscale.capacity.stepping import TRUE, Stepping

LIMITS = EngineLimits(slots=64, batched_tokens=2048, kv_tokens=200_000)
PROFILE = EngineProfile(model="dense", hardware="cpu", step=TRUE, limits=LIMITS)
SLO = Slo(ttft_p95_s=3.0, tpot_p95_s=0.15)


def lengths(requests: int, prompt: int = 500, output: int = 150) -> LengthTotals:
    """Return totals of requests half of which are twice, and half of which are no longer than a third of these."""
    half = requests / 2
    return LengthTotals(
        requests=requests,
        prompt_tokens=half * prompt * 2,
        output_tokens=half * output * 2,
        prompt_squared=half * prompt**2 * (1.6**2 + 0.4**2),
        output_squared=half * output**2 * (1.6**2 + 0.4**2),
        prompt_output=requests * prompt * output,
    )


def pool(*replicas: ReplicaFleet, requests: int = 1000, profile: EngineProfile | None = PROFILE) -> PoolFleet:
    demand = Demand(lengths=lengths(requests))
    return PoolFleet(
        min_replicas=1,
        max_replicas=9,
        target=1,
        slo=SLO,
        limits=LIMITS,
        replicas=replicas,
        demand=demand,
        profile=profile,
    )


def seen(estimator: CapacityEstimator, *engines: Stepping, looks: int = 20, ratio: float = 1.0) -> Capacity:
    for _ in range(looks):
        for engine in engines:
            engine.run(100, ratio=ratio)
        found = estimator.see(pool(*(engine.replica(str(n)) for n, engine in enumerate(engines))))
    return found


def test_a_cold_pool_goes_by_its_profile() -> None:
    """With the width of what a profile may be off, and the knee of the pool's own targets and lengths."""
    capacity = CapacityEstimator().see(pool())
    assert capacity.source == "profile"
    assert capacity.step == TRUE
    assert capacity.mix is not None
    assert capacity.rate_rps == pytest.approx(knee(TRUE, LIMITS, capacity.mix, SLO).rate_rps)
    assert 0.6 < capacity.low_rps / capacity.rate_rps < 0.9
    assert 1.1 < capacity.high_rps / capacity.rate_rps < 1.6
    assert capacity.utilization == pytest.approx(capacity.rate_rps * capacity.work_s)


@pytest.mark.parametrize(("profile", "requests", "source"), [(None, 1000, "none"), (PROFILE, 0, "profile")])
def test_what_is_unknown_is_no_number(profile: EngineProfile | None, requests: int, source: str) -> None:
    """Without steps and profile, or without a finished request."""
    capacity = CapacityEstimator().see(pool(profile=profile, requests=requests))
    assert (capacity.source, capacity.rate_rps, capacity.low_rps) == (source, 0, 0)


def test_steps_take_the_place_of_a_wrong_profile() -> None:
    """A profile that is a third too slow is forgotten, and the bounds come closer."""
    estimator = CapacityEstimator()
    wrong = replace(PROFILE, step=TRUE.slower(1.33))
    cold = estimator.see(pool(profile=wrong))
    fitted = seen(estimator, Stepping(), Stepping(seed=1))
    true = CapacityEstimator()
    true.see(pool())
    expected = true.capacity(pool(), replicas=2).rate_rps
    assert cold.rate_rps < 0.85 * expected
    assert (fitted.source, fitted.drifted) == ("fit", False)
    assert fitted.rate_rps == pytest.approx(expected, rel=0.04)
    assert fitted.low_rps < expected < fitted.high_rps
    assert fitted.high_rps - fitted.low_rps < cold.high_rps - cold.low_rps


def test_a_slow_down_lowers_the_capacity_and_widens_its_bounds() -> None:
    """At once by the bounds, and soon by the number."""
    estimator, engine = CapacityEstimator(), Stepping()
    before = seen(estimator, engine)
    during = seen(estimator, engine, looks=5, ratio=1.3)
    after = seen(estimator, engine, looks=25, ratio=1.3)
    assert during.drifted
    assert during.low_rps / during.rate_rps < before.low_rps / before.rate_rps
    assert not after.drifted
    assert after.rate_rps < 0.9 * before.rate_rps


def test_the_mix_follows_what_finished() -> None:
    """Twice the lengths is about half the rate."""
    estimator = CapacityEstimator()
    first = estimator.see(pool())
    demand = Demand(lengths=lengths(1000))
    for n in range(1, 30):
        longer = lengths(n * 1000, prompt=1000, output=300)
        both = LengthTotals(
            **{one.name: getattr(demand.lengths, one.name) + getattr(longer, one.name) for one in fields(LengthTotals)}
        )
        last = estimator.see(replace(pool(), demand=Demand(lengths=both)))
    assert last.mix is not None
    assert last.mix.prompt_mean == pytest.approx(1000, rel=0.05)
    assert last.rate_rps < 0.65 * first.rate_rps


class _Asked:
    """Answers by formulas, and remembers the questions."""

    def __init__(self) -> None:
        self.questions: list[KneeQuestion] = []

    def __call__(self, asked: KneeQuestion) -> Knee:
        self.questions.append(asked)
        return analytic(asked)


def with_prompts(estimator: CapacityEstimator, prompt: int, *, renew: bool = True) -> Capacity:
    """Show so many requests of this length that those before are forgotten."""
    before = estimator._lengths
    lately = lengths(60_000, prompt=prompt)
    both = {one.name: getattr(before, one.name) + getattr(lately, one.name) for one in fields(LengthTotals)}
    return estimator.see(replace(pool(), demand=Demand(lengths=LengthTotals(**both))), renew=renew)


def test_knees_are_asked_for_again_once_something_has_changed() -> None:
    """Lengths that are a hundredth longer make no difference, those that are half as long again do."""
    knees = _Asked()
    estimator = CapacityEstimator(knees=knees)
    first = with_prompts(estimator, 500)
    assert with_prompts(estimator, 505) == first
    assert {one.mix.prompt_mean for one in knees.questions} == {500}
    assert with_prompts(estimator, 750).rate_rps == with_prompts(CapacityEstimator(), 750).rate_rps
    assert {one.mix.prompt_mean for one in knees.questions} == {500, 750}


def test_who_may_not_ask_goes_by_what_is_known() -> None:
    """As much less as requests take longer, until the next opportunity; a first answer there is always."""
    knees = _Asked()
    estimator = CapacityEstimator(knees=knees)
    first = with_prompts(estimator, 500, renew=False)
    waiting = with_prompts(estimator, 1000, renew=False)
    assert {one.mix.prompt_mean for one in knees.questions} == {500}
    assert waiting.rate_rps < 0.9 * first.rate_rps
    again = estimator.see(replace(pool(), demand=Demand(lengths=estimator._lengths)))
    assert again.rate_rps == with_prompts(CapacityEstimator(), 1000).rate_rps
    assert estimator.renewed == 2


def test_a_thousand_replicas_in_fifty_pools_are_estimated_quickly() -> None:
    """Every replica with new steps, every pool with a new mix: CPU time, generous as other work may slow the core."""
    engines = [Stepping(seed=n) for n in range(4)]
    estimators = [CapacityEstimator() for _ in range(50)]
    took_s = []
    for look in range(4):
        for engine in engines:
            engine.run(60)
        pools = [
            pool(*(replace(engines[n % 4].replica(str(n))) for n in range(20)), requests=1000 * (look + 1))
            for _ in estimators
        ]
        began_s = time.process_time()
        for estimator, one in zip(estimators, pools, strict=True):
            estimator.see(one)
        took_s.append(time.process_time() - began_s)
    assert min(took_s[1:]) < 0.25
