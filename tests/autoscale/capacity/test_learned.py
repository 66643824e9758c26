"""What is learned from steps: the model behind them, how sure that is, and that it has changed."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from autoscale.capacity.fit import StepSolver, _non_negative
from autoscale.capacity.learned import LearnedSteps, gained_together
from autoscale.capacity.step_model import StepModel
from deployments.totals import StepTotals, gained, together
from tests.autoscale.capacity.stepping import TRUE, Stepping

# A step with one prompt, a usual one, and one of a full batch.
REGIONS = [
    {"prefill": 800.0, "prefill_context": 800.0 * 400, "sequences": 20.0, "kv": 20_000.0},
    {"sequences": 20.0, "kv": 20_000.0},
    {"sequences": 40.0, "kv": 40_000.0},
]


def learned(engine: Stepping, prior: StepModel | None = None, rounds: int = 20, **how: float) -> LearnedSteps:
    steps = LearnedSteps(prior)
    for _ in range(rounds):
        engine.run(150, **how)  # type: ignore[arg-type]
        steps.see([engine.replica()])
    return steps


@pytest.mark.parametrize("prior", [None, TRUE.slower(1.2), TRUE.slower(0.8)])
def test_finds_the_model_behind_noisy_steps(prior: StepModel | None) -> None:
    """With and without a profile, and with one that is off by a fifth, to 2 % wherever the engine has been."""
    steps = learned(Stepping(), prior)
    assert steps.step is not None
    for region in REGIONS:
        assert steps.step.seconds(**region) == pytest.approx(TRUE.seconds(**region), rel=0.02)
    assert not steps.drifted


def test_what_was_not_seen_stays_with_the_profile() -> None:
    """Without a prompt in any step nothing is learned about prompts, and the rest is."""
    prior = TRUE.slower(1.2)
    steps = learned(Stepping(), prior, prompts=False).step
    assert steps is not None
    assert steps.prefill_token_s == pytest.approx(prior.prefill_token_s)
    assert steps.seconds(sequences=20, kv=20_000) == pytest.approx(TRUE.seconds(sequences=20, kv=20_000), rel=0.02)


def test_one_step_is_no_fit() -> None:
    """Nor are a few: until there are enough, a profile stands, and without one nothing is said."""
    engine = Stepping()
    cold, profiled = LearnedSteps(None), LearnedSteps(TRUE)
    engine.run(60)
    for steps in (cold, profiled):
        steps.see([engine.replica()])
    assert (cold.fit, cold.step, profiled.fit, profiled.step) == (None, None, None, TRUE)
    assert cold.see([engine.replica()]) is False


def test_the_interval_covers_the_truth() -> None:
    """Of forty engines at least thirty lie within 1.28 standard deviations, eight in ten, and those are narrow."""
    features = (12.0, 500.0, 250_000.0, 250.0, 250_000.0)
    true_s = sum(a * b for a, b in zip(features, TRUE.values, strict=True))
    within = 0
    for seed in range(40):
        steps = learned(Stepping(seed=seed, noise=0.1), rounds=3)
        assert steps.fit is not None
        found_s = sum(a * b for a, b in zip(features, steps.fit.step.values, strict=True))
        off = steps.fit.share_off(features)
        within += abs(found_s / true_s - 1) <= 1.28 * off
        assert off < 0.06
    assert within >= 30


@pytest.mark.parametrize("ratio", [1.3, 0.75])
def test_a_lasting_change_of_speed_is_noticed_and_learned(ratio: float) -> None:
    """Within eight looks; the predictions are called doubtful at once, and follow soon."""
    engine = Stepping()
    steps = learned(engine, TRUE)
    assert steps.share_off < 0.03
    for _ in range(8):
        engine.run(150, ratio=ratio)
        steps.see([engine.replica()])
        if steps.drifted:
            break
    assert steps.drifted
    assert steps.share_off > 0.1
    for _ in range(20):
        engine.run(150, ratio=ratio)
        steps.see([engine.replica()])
    assert steps.step is not None
    assert not steps.drifted
    for region in REGIONS:
        assert steps.step.seconds(**region) == pytest.approx(ratio * TRUE.seconds(**region), rel=0.04)


def test_no_alarm_without_a_change() -> None:
    """Noise of a fifth of every step, for a hundred looks of few steps each."""
    engine, steps = Stepping(noise=0.2), LearnedSteps(None)
    for _ in range(100):
        engine.run(20)
        steps.see([engine.replica()])
        assert not steps.drifted


def test_replicas_are_added_up_and_restarts_count_from_nothing() -> None:
    """The sum over replicas is that of their differences, whoever came, went, restarted or said nothing new."""
    random = Random(0)

    def totals(steps: float) -> StepTotals:
        return StepTotals(
            gram=(steps, *(steps * random.random() for _ in range(14))),
            seconds=tuple(steps * random.random() for _ in range(5)),
            seconds_squared=steps,
        )

    silent = totals(50)
    before = {"a": totals(100), "restarted": totals(500), "silent": silent, "gone": totals(9)}
    latest = {"a": together(before["a"], totals(30)), "restarted": totals(20), "silent": silent, "new": totals(7)}
    expected = together(together(gained(latest["a"], before["a"]), latest["restarted"]), latest["new"])
    found = gained_together(latest, before)
    assert found is not None
    assert found.gram == pytest.approx(expected.gram)
    assert found.seconds == pytest.approx(expected.seconds)
    assert gained_together(latest, latest) is None


def test_memory_is_bounded() -> None:
    """However many steps come, the older ones leave room."""
    engine, solver = Stepping(), StepSolver(None)
    for _ in range(5):
        engine.run(400)
        solver.add(engine.replica().steps, 500)
        assert solver.steps <= 500 + 1e-6 or solver.steps == engine.replica().steps.steps


@pytest.mark.parametrize("off", [1e-10, 1e-7, 1e-5])
def test_sums_that_rounding_has_made_indefinite_are_fitted(off: float) -> None:
    """Features that always come together: their products are a little more than they can be."""
    gram = 100.0 * (np.eye(5) + (1 + off) * (np.ones((5, 5)) - np.eye(5)))
    found = _non_negative(gram, np.full(5, 3.0))
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(0.03, rel=0.01)


def test_sums_that_nothing_fits_are_an_error_of_arithmetic() -> None:
    """Not one of the library's own, of whichever kind."""
    gram = np.eye(5)
    gram[0, 1] = gram[1, 0] = 3.0
    with pytest.raises(ArithmeticError, match="no step model fits"):
        _non_negative(gram, np.ones(5))
