"""Profile files: what is written is read again, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.profile_file import ProfileError, load_profile, write_profile
from autoscale.capacity.step_model import StepModel

PROFILE = EngineProfile(
    model="dense",
    hardware="cpu",
    step=StepModel(base_s=0.02, prefill_token_s=1e-4, prefill_context_s=1.25e-8, sequence_s=2e-4, kv_token_s=1e-7),
    limits=EngineLimits(slots=16, batched_tokens=512, kv_tokens=8192, block_tokens=128),
    noise=0.05,
    entry_s=0.004,
    starts=StartTimes(median_s=18.5, sigma=0.1, failure_share=0.01),
)
GOOD = "model: a\nhardware: cpu\nstep: {base_ms: 20, prefill_token_us: 100, sequence_us: 200}\n"


def test_a_profile_survives_its_file(tmp_path: Path) -> None:
    """Every figure, in the units that people read."""
    path = tmp_path / "dense.yaml"
    write_profile(path, PROFILE, source="measured here")
    assert load_profile(path) == PROFILE
    assert "base_ms: 20.0" in path.read_text()


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    """A model, hardware and three step times are enough; durations may have units."""
    path = tmp_path / "a.yaml"
    path.write_text(GOOD + "starts: {median: 3m, failure_share: 2%}\n")
    profile = load_profile(path)
    assert profile.limits == EngineLimits()
    assert profile.starts == StartTimes(median_s=180, failure_share=0.02)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no profile"),
        ("[1, 2]", "is no profile"),
        ("a: [", "is not YAML"),
        ("\x00", "is not YAML"),
        (GOOD.replace("base_ms: 20", "base_ms: -1"), "step.base_ms"),
        (GOOD.replace("base_ms: 20", "base_ms: .nan"), "step.base_ms"),
        (GOOD.replace("base_ms: 20, ", ""), "step.base_ms: Field required"),
        (GOOD + "stepp: 1\n", "stepp: is not a known key"),
        (GOOD + "limits: {slots: 1.5}\n", "limits.slots"),
        (GOOD + "noise: 7\n", "noise"),
        (GOOD + "starts: {median: soon}\n", "starts.median"),
        ("x" * 70_000, "is larger than 64 KiB"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    """The file, the field, and the rule."""
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ProfileError) as error:
        load_profile(path)
    assert str(error.value).startswith(f"{path}: ")
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is one that cannot be written."""
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path / "none.yaml")
    with pytest.raises(ProfileError, match="cannot be written"):
        write_profile(tmp_path, PROFILE, source="")
