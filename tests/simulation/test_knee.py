"""Knees by simulation, against whole simulations and against what must hold of any knee."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from autoscale.capacity.knee import Knee
from autoscale.capacity.knee_source import KneeQuestion
from autoscale.capacity.mix import LengthMix, mix_of
from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Fleet, Slo
from autoscale.policy import Decision, PoolDecision
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.drawn import draw
from autoscale.sim.knee import SimulatedKnees
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.sim.world import simulate
from deployments.telemetry.lengths import Lengths

STEP = StepModel(base_s=0.01, prefill_token_s=2e-5, prefill_context_s=1e-9, sequence_s=2e-4, kv_token_s=1e-7)
LIMITS = EngineLimits(slots=64, batched_tokens=2048, kv_tokens=200_000)
MIX = LengthMix(prompt_mean=500, output_mean=100, prompt_cv=0.8, output_cv=0.8)
ASKED = KneeQuestion(step=STEP, limits=LIMITS, mix=MIX, slo=Slo(ttft_p95_s=1.0, tpot_p95_s=0.05), replicas=2)
KNEES = SimulatedKnees()


class _Watching:
    """Changes nothing, and remembers the last fleet."""

    def __init__(self) -> None:
        self.last: Fleet | None = None

    def decide(self, fleet: Fleet) -> Decision:
        self.last = fleet
        return Decision(
            pools={name: PoolDecision(replicas=pool.target, reason="") for name, pool in fleet.pools.items()}
        )


def test_a_pool_holds_its_targets_at_the_knee_and_not_far_above() -> None:
    """Other random requests, in the simulator of fleets."""
    knee = KNEES(ASKED)
    shares = [_attained(knee.rate_rps * part) for part in (0.9, 1.3)]
    assert shares[0] > 0.997
    assert shares[1] < 0.999
    assert knee.curve is not None
    assert knee.curve.rate(0.1) > knee.rate_rps


def _attained(rate_rps: float) -> float:
    profile = EngineProfile(model="m", hardware="h", step=STEP, limits=LIMITS, noise=0.02)
    two = ASKED.replicas
    pool = SimPool(name="p", min_replicas=two, max_replicas=two, initial_replicas=two, profile=profile, slo=ASKED.slo)
    drawn, random = draw(MIX, 30_000, longest=100_000, most_output=4096), np.random.default_rng(5)
    which = random.permutation(len(drawn.prompt))
    arrivals = Arrivals(
        t_s=np.cumsum(random.exponential(1 / (rate_rps * two), len(which))),
        prompt=drawn.prompt[which],
        output=drawn.output[which],
        cached=drawn.cached,
    )
    return simulate(Scenario(pools=(pool,)), {"p": [arrivals]}, _Watching()).pools["p"].attainment


def test_more_replicas_carry_more_each_and_slower_steps_less() -> None:
    """The same requests are tried with each, so that the order is certain."""
    rates = [KNEES(replace(ASKED, replicas=n)).rate_rps for n in (1, 2, 8)]
    assert rates == sorted(rates)
    assert KNEES(replace(ASKED, step=STEP.slower(1.2))).rate_rps < KNEES(ASKED).rate_rps
    assert KNEES(replace(ASKED, quantile=0.99)).rate_rps > KNEES(ASKED).rate_rps


def test_the_same_question_has_the_same_answer_anywhere() -> None:
    """And is not worked out twice."""
    assert SimulatedKnees()(ASKED) == KNEES(ASKED)


def test_a_target_that_an_idle_engine_misses_has_no_knee() -> None:
    """No rate holds it."""
    assert KNEES(replace(ASKED, slo=Slo(tpot_p95_s=0.005))).rate_rps == 0.0


def test_without_targets_the_knee_is_where_queues_would_grow() -> None:
    """Nobody is late, yet an engine carries only so much: here eight tokens a step."""
    limits, step = replace(LIMITS, slots=8), replace(STEP, sequence_s=1e-6, kv_token_s=1e-12)
    knee = KNEES(replace(ASKED, slo=Slo(), limits=limits, step=step))
    most_rps = limits.slots / (step.base_s * MIX.output_mean)
    assert 0.5 * most_rps < knee.rate_rps < 1.05 * most_rps
    assert knee.binds == "work"


def test_sizes_that_nobody_knows_bind_nothing() -> None:
    """An engine that has not told them is not taken for one that has none."""
    unknown = KNEES(replace(ASKED, limits=EngineLimits()))
    assert unknown.rate_rps > 0.8 * KNEES(ASKED).rate_rps


def test_requests_are_as_long_as_a_small_cache_lets_them_be() -> None:
    """One that never fits would be in the way of all others."""
    small = replace(LIMITS, kv_tokens=2048)
    found = KNEES(replace(ASKED, limits=small, mix=replace(MIX, prompt_mean=300, output_mean=300), slo=Slo()))
    assert found.rate_rps > 0


def test_questions_and_answers_are_the_same_after_json() -> None:
    """Another process reads them."""
    asked = replace(ASKED, mix=replace(MIX, prompt_counts=(0.0, 2.5), output_counts=(1.0,)))
    assert KneeQuestion.of(json.loads(json.dumps(asked.plain()))) == asked
    for knee in (KNEES(ASKED), replace(KNEES(ASKED), curve=None)):
        assert Knee.of(json.loads(json.dumps(knee.plain()))) == knee


def test_lengths_are_drawn_as_they_were_counted() -> None:
    """A prompt never longer than 4,000 is not drawn longer, which a lognormal of the same moments would be."""
    random, counted = np.random.default_rng(3), Lengths()
    for prompt in np.minimum(random.lognormal(6.5, 1.2, 5000), 4000).astype(int).tolist():
        counted.add(max(1, prompt), 7)
    mix = mix_of(counted.read())
    assert mix is not None
    drawn = draw(mix, 20_000, longest=10**6, most_output=4096)
    assert drawn.prompt.max() < 4000 * 2**0.15
    assert drawn.prompt.mean() == pytest.approx(mix.prompt_mean, rel=0.01)
    assert set(np.unique(drawn.output)) == {7}
    moments = replace(mix, prompt_counts=(), output_counts=())
    assert draw(moments, 20_000, longest=10**6, most_output=4096).prompt.max() > 8000


def test_the_simulator_counts_lengths_as_gateways_do() -> None:
    """Bin for bin, and the sums beside them."""
    profile = EngineProfile(model="m", hardware="h", step=STEP, limits=LIMITS)
    pool = SimPool(name="p", min_replicas=1, max_replicas=1, initial_replicas=1, profile=profile)
    drawn, told, policy = draw(MIX, 500, longest=100_000, most_output=4096), Lengths(), _Watching()
    for prompt, output in zip(drawn.prompt.tolist(), drawn.output.tolist(), strict=True):
        told.add(prompt, output)
    arrivals = Arrivals(t_s=np.arange(500.0), prompt=drawn.prompt, output=drawn.output, cached=drawn.cached)
    simulate(Scenario(pools=(pool,), duration_s=1000.0), {"p": [arrivals]}, policy)
    assert policy.last is not None
    demand = policy.last.pools["p"].demand
    assert demand is not None
    assert demand.lengths == told.read()
