"""A synthetic engine made from a profile takes the time that the profile's model says."""

from __future__ import annotations

import pytest

from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from cluster.imitation import imitating
from deployments.engines.synthetic_batch import Batch, Sequence, step_seconds

STEP = StepModel(base_s=0.02, prefill_token_s=1e-4, prefill_context_s=1e-8, sequence_s=2e-4, kv_token_s=1e-7)
PROFILE = EngineProfile(
    model="dense",
    hardware="H100",
    step=STEP,
    limits=EngineLimits(slots=4, batched_tokens=32, kv_tokens=4096),
    starts=StartTimes(median_s=30.0),
)


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_steps_take_the_profiles_time(speed: float) -> None:
    """A prompt in parts beside one that decodes: every step as the model says, sped up."""
    spec = imitating(PROFILE, speed=speed)
    batch = Batch(slots=spec.slots, kv_tokens=spec.kv_tokens, prefill_tokens_per_step=spec.prefill_tokens_per_step)
    batch.add(Sequence(prompt_tokens=10, output_tokens=9))
    batch.finish(batch.plan())
    batch.add(Sequence(prompt_tokens=40, output_tokens=2))
    expected = [
        STEP.seconds(prefill=32, prefill_context=32 * 16, sequences=1, kv=11),
        STEP.seconds(prefill=8, prefill_context=8 * (32 + 4), sequences=1, kv=12),
        STEP.seconds(sequences=2, kv=13 + 41),
    ]
    for seconds in expected:
        step = batch.plan()
        assert step_seconds(spec, step) == pytest.approx(seconds / speed)
        batch.finish(step)


def test_sizes_and_start_are_the_profiles() -> None:
    """What it does not know is large."""
    spec = imitating(PROFILE, speed=2)
    assert (spec.slots, spec.kv_tokens, spec.max_model_len, spec.prefill_tokens_per_step) == (4, 4096, 4096, 32)
    assert spec.start_up == 15
    unknown = imitating(EngineProfile(model="a", hardware="cpu", step=STEP, limits=EngineLimits()), max_model_len=100)
    assert unknown.slots > 100
    assert (unknown.kv_tokens > 10_000, unknown.max_model_len) == (True, 100)
