"""The profiles that come with the simulator."""

from __future__ import annotations

import pytest

from autoscale.sim.profiles import names, shipped


def test_every_profile_can_be_simulated():
    """Sizes are known, and a step takes milliseconds."""
    assert len(names()) >= 2
    for name in names():
        profile = shipped(name)
        assert min(profile.limits.slots, profile.limits.batched_tokens, profile.limits.kv_tokens) > 0
        assert 1e-3 < profile.step.seconds(sequences=32, kv=32 * 1024) < 0.1


def test_decoding_steps_are_those_that_were_measured():
    """Llama-2-70B on eight H100: 30.1, 34.2 and 50.0 ms at batches of 2, 16 and 64 after 512 tokens (Splitwise)."""
    step = shipped("llama2-70b-h100-tp8").step
    for batch, measured_s in ((2, 0.0301), (16, 0.0342), (64, 0.0500)):
        assert step.seconds(sequences=batch, kv=batch * (512 + 64)) == pytest.approx(measured_s, rel=0.06)


def test_an_unknown_profile_is_told():
    """With those that there are."""
    with pytest.raises(KeyError, match="llama2-70b-h100-tp8"):
        shipped("none")
