"""Knees: what must be true of every one of them, and how near a simulated engine they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autoscale.capacity.knee import knee, work
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Slo

STEP = StepModel(base_s=0.02, prefill_token_s=1e-4, prefill_context_s=1e-9, sequence_s=2e-4, kv_token_s=1.5e-7)
LIMITS = EngineLimits(slots=256, batched_tokens=2048, kv_tokens=400_000)
MIX = LengthMix(prompt_mean=1000, output_mean=200, prompt_cv=0.8, output_cv=0.8)
SLO = Slo(ttft_p95_s=2.0, tpot_p95_s=0.1)


def rate(step: StepModel = STEP, mix: LengthMix = MIX, limits: EngineLimits = LIMITS, slo: Slo = SLO, **how) -> float:
    return knee(step, limits, mix, slo, **how).rate_rps


def test_the_work_of_a_request_is_the_sum_of_its_steps_shares() -> None:
    """Prompt, attention within it, and every token it decodes with what it holds then."""
    mix = LengthMix(prompt_mean=100, output_mean=10)
    step = StepModel(base_s=5, prefill_token_s=2, prefill_context_s=0.1, sequence_s=3, kv_token_s=0.01)
    expected = 100 * 2 + 0.1 * 100**2 / 2 + 10 * 3 + 0.01 * (100 * 10 + 10**2 / 2)
    assert work(step, mix) == pytest.approx(expected)


def test_a_cached_prompt_is_less_work() -> None:
    """Its tokens are not computed again; those after it still attend to it."""
    half = work(STEP, replace(MIX, cached_share=0.5))
    assert work(STEP, replace(MIX, cached_share=1.0)) < half < work(STEP, MIX)


@given(
    st.floats(1.05, 3),
    st.sampled_from(["base_s", "prefill_token_s", "sequence_s", "kv_token_s"]),
    st.floats(0.2, 20),
    st.floats(0.03, 0.5),
)
@example(slower=1.0546875, which="base_s", ttft_s=0.875, tpot_s=0.5)
def test_slower_steps_never_carry_more(slower: float, which: str, ttft_s: float, tpot_s: float) -> None:
    """Whatever is slower, and whichever target there is."""
    slo = Slo(ttft_p95_s=ttft_s, tpot_p95_s=tpot_s)
    usual = rate(slo=slo)
    slack = 1.01  # the fitted corrections are not monotone to the last digit where hardly any load fits
    assert rate(replace(STEP, **{which: slower * getattr(STEP, which)}), slo=slo) <= slack * usual
    assert rate(slo=Slo(ttft_p95_s=ttft_s, tpot_p95_s=tpot_s * slower)) * slack >= usual
    assert rate(slo=Slo(ttft_p95_s=ttft_s * slower, tpot_p95_s=tpot_s)) * slack >= usual


def test_more_replicas_carry_more_each() -> None:
    """At the same share of late requests, since their parts are steadier; and never more than time allows."""
    rates = [rate(replicas=n) for n in (1, 2, 4, 8, 16)]
    assert rates == sorted(rates)
    assert rates[-1] > 1.1 * rates[0]
    assert rates[-1] * work(STEP, MIX) < 1


def test_bursts_and_strictness_cost_capacity() -> None:
    """Gaps that vary more, and a larger share that must be in time."""
    assert rate(gap_cv=2) < rate() < rate(gap_cv=0.5)
    assert rate(quantile=0.999) < rate(quantile=0.99) < rate(quantile=0.9)


@pytest.mark.parametrize(
    ("limits", "slo", "binds"),
    [
        (LIMITS, Slo(ttft_p95_s=60, tpot_p95_s=0.05), "tpot"),
        (LIMITS, Slo(ttft_p95_s=0.6, tpot_p95_s=5), "ttft"),
        (replace(LIMITS, slots=8), Slo(ttft_p95_s=2, tpot_p95_s=5), "slots"),
        (replace(LIMITS, kv_tokens=10_000), Slo(ttft_p95_s=2, tpot_p95_s=5), "kv"),
        (EngineLimits(), Slo(), "work"),
    ],
)
def test_it_says_what_binds(limits: EngineLimits, slo: Slo, binds: str) -> None:
    """The first limit that the rate would break, and a rate below that of an engine without it."""
    found = knee(STEP, limits, MIX, slo)
    assert found.binds == binds
    assert 0 < found.rate_rps <= rate(limits=EngineLimits(), slo=Slo()) * 1.001
    assert found.utilization == pytest.approx(found.rate_rps * found.work_s)


@pytest.mark.parametrize("slo", [Slo(tpot_p95_s=0.01), Slo(ttft_p95_s=0.03)])
def test_a_target_that_an_idle_engine_misses_carries_nothing(slo: Slo) -> None:
    """No number of replicas would help."""
    assert rate(slo=slo, replicas=100) == 0


def test_prompts_too_long_for_the_target_do_not_count() -> None:
    """A few are late whatever the load, and the rest still sets the rate."""
    assert rate(mix=replace(MIX, prompt_cv=1.5), slo=Slo(ttft_p95_s=1.0, tpot_p95_s=0.2)) > 0
