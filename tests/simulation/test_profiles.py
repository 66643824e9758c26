"""The profiles that come with the simulator."""

from __future__ import annotations

import pytest

from autoscale.sim.profiles import names, shipped


def test_every_profile_can_be_simulated():
    """Sizes are known, and a step takes milliseconds."""
    assert len(names()) >= 3
    for name in names():
        profile = shipped(name)
        assert min(profile.limits.slots, profile.limits.batched_tokens, profile.limits.kv_tokens) > 0
        assert 1e-3 < profile.step.seconds(sequences=16, kv=16 * 1024) < 0.1


def test_decoding_steps_are_those_that_were_measured():
    """Llama-2-70B on eight H100: 30.1, 34.2 and 50.0 ms at batches of 2, 16 and 64 after 512 tokens (Splitwise)."""
    step = shipped("llama2-70b-h100-tp8").step
    for batch, measured_s in ((2, 0.0301), (16, 0.0342), (64, 0.0500)):
        assert step.seconds(sequences=batch, kv=batch * (512 + 64)) == pytest.approx(measured_s, rel=0.06)


def test_the_demo_model_takes_what_was_measured():
    """On two cores: 18.5, 23.6 and 33 ms a step of 1, 4 and 16 short streams, 216 ms with a prompt of 256 tokens."""
    profile = shipped("demo-dense-cpu")
    for batch, measured_s in ((1, 0.0185), (4, 0.0225), (16, 0.033)):
        assert profile.step.seconds(sequences=batch, kv=batch * 40) == pytest.approx(measured_s, rel=0.08)
    prompt_s = profile.step.seconds(prefill=256, prefill_context=256 * 128, sequences=8, kv=8 * 280)
    assert prompt_s == pytest.approx(0.216, rel=0.08)
    assert 0 < profile.entry_s < 0.02
    assert (profile.limits.slots, profile.limits.batched_tokens) == (16, 512)


def test_an_unknown_profile_is_told():
    """With those that there are."""
    with pytest.raises(KeyError, match="llama2-70b-h100-tp8"):
        shipped("none")
