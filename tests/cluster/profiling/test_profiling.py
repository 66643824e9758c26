"""``tercet profile``: the sweep fits the engine, the fit finds the step times, and the command writes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from autoscale.capacity.profile_file import load_profile
from autoscale.capacity.step_model import StepModel
from cluster.cli import app
from cluster.profiling.measure import Measured
from cluster.profiling.outcome import outcome
from cluster.profiling.sweep import Round, rounds
from deployments.engines.base import EngineInfo
from deployments.engines.step_sums import StepSums
from deployments.totals import StepTotals

STEP = StepModel(base_s=0.02, prefill_token_s=1e-4, prefill_context_s=1e-8, sequence_s=2e-4, kv_token_s=1e-7)
INFO = EngineInfo(model="dense", max_model_len=4096, slots=16, kv_tokens=50_000, batched_tokens=512, block_tokens=128)
SMALL = {"slots": 4, "kv_tokens": 2000, "max_model_len": 600, "step": {"base_ms": 2, "per_prefill_token_us": 5}}


def stepped(one: Round, random: Random, steps: int = 300) -> StepTotals:
    """Return what a round would add up to: a prompt in one step of ten, the others decode."""
    sums = StepSums()
    for number in range(steps):
        prefill = min(512, one.prompt_tokens) if number % 10 == 0 else 0
        sequences = one.streams - bool(prefill)
        kv = sequences * (one.prompt_tokens + random.randint(0, one.output_tokens))
        seconds = STEP.seconds(prefill=prefill, prefill_context=prefill * 100, sequences=sequences, kv=kv)
        seconds *= 1 + random.gauss(0, 0.04)
        sums.add(seconds, prefill=prefill, prefill_context=prefill * 100, sequences=sequences, kv=kv)
    return sums.read()


def test_the_sweep_fits_into_the_engine() -> None:
    """Batch, context and cache; and it has enough rounds to tell five coefficients apart."""
    planned = rounds(INFO)
    assert len(planned) == len(set(planned)) > 6
    for one in planned:
        assert one.streams <= 16
        assert one.prompt_tokens + one.output_tokens < 4096
        assert one.streams * (one.prompt_tokens + one.output_tokens) <= 50_000
    assert {one.streams for one in planned} == {1, 4, 16}


def test_the_fit_finds_the_step_times() -> None:
    """To 5 % in every round, with the spread of single steps and the engine's own sizes."""
    random = Random(0)
    measured = Measured(info=INFO, start_s=12.5, rounds=tuple((one, stepped(one, random)) for one in rounds(INFO)))
    found = outcome(measured, model="dense", hardware="cpu")
    assert all(abs(region.off) < 0.05 for region in found.regions)
    assert found.profile.noise == pytest.approx(0.04, rel=0.2)
    assert found.profile.limits.slots == 16
    assert found.profile.limits.block_tokens == 128
    assert found.profile.starts.median_s == 12.5
    step = found.profile.step
    assert step.seconds(sequences=8, kv=8000) == pytest.approx(STEP.seconds(sequences=8, kv=8000), rel=0.05)
    assert len(list(found.lines())) == 8 + len(found.regions)


def test_what_a_lonely_request_waits_beyond_its_step_is_told() -> None:
    """The median of several; an engine that is faster than its model waits not."""
    random = Random(0)
    seen = tuple((one, stepped(one, random)) for one in rounds(INFO))
    bare = outcome(Measured(info=INFO, start_s=1.0, rounds=seen), model="dense", hardware="cpu").profile
    assert bare.entry_s == 0.0
    step_s = bare.step.seconds(prefill=16, prefill_context=128)

    def entry_s(*alone_s: float) -> float:
        measured = Measured(info=INFO, start_s=1.0, rounds=seen, alone_s=alone_s)
        return outcome(measured, model="dense", hardware="cpu").profile.entry_s

    assert entry_s(step_s + 0.004, step_s + 0.9, step_s) == pytest.approx(0.004)
    assert entry_s(step_s - 0.01) == 0.0


def test_too_few_steps_are_no_profile() -> None:
    """It says how to get more."""
    measured = Measured(info=INFO, start_s=1.0, rounds=tuple((one, StepTotals()) for one in rounds(INFO)))
    with pytest.raises(ValueError, match=r"dense: only 0 of \d+ rounds saw 10 steps; give more --seconds"):
        outcome(measured, model="dense", hardware="cpu")


def test_a_running_engine_is_measured(tmp_path: Path) -> None:
    """In a process of its own, with a synthetic engine: a file that reads back, and a table of rounds."""
    spec = {"name": "small", "family": "dense", "source": "demo/dense", "runtime": "synthetic", "synthetic": SMALL}
    path = tmp_path / "small.yaml"
    order = {"spec": spec, "model": "small", "hardware": "cpu", "seconds": 4, "output": str(path)}
    done = subprocess.run(
        [sys.executable, "-m", "cluster.profiling", json.dumps(order)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = load_profile(path)
    assert (found.model, found.limits.slots, found.limits.kv_tokens) == ("small", 4, 2000)
    assert found.step.seconds(sequences=2) > 0.002
    assert "4 x 16+48" in done.stdout
    assert "started in" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{file}", "--output", "x.yaml"], "name one of the pools that generate text: one, two"),
        (["{file}", "--output", "x.yaml", "--pool", "three"], "three is no pool that generates text: one, two"),
        (["demo/dense", "--output", "x.yaml", "--family", "pooling"], "pooling is not one of dense, moe, distilled"),
        (["nowhere.yaml", "--output", "x.yaml"], "cannot be read"),
    ],
)
def test_wrong_usage_is_told_before_anything_starts(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Which pool, which family, which file."""
    file = tmp_path / "tercet.yaml"
    section = "{family: dense, source: demo/dense, runtime: synthetic}"
    file.write_text(f"models: {{one: {section}, two: {section}}}\ndefault: one\n")
    found = CliRunner().invoke(app, ["profile", *(argument.format(file=file) for argument in arguments)])
    assert found.exit_code != 0
    assert said in " ".join(found.output.replace("│", " ").split())
