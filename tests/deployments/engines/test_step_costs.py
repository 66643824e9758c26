"""What steps take is learnt from steps, and not said before."""

from __future__ import annotations

import random

import pytest

from deployments.engines.step_costs import StepCosts


def test_what_steps_take_is_known_after_some_hundred() -> None:
    """With noise of two hundredths, to a tenth; before, nothing is claimed."""
    costs, chance = StepCosts(), random.Random(1)
    for at in range(1000):
        prefill, sequences = chance.choice([0, 0, 256, 512]), chance.randrange(1, 32)
        kv, context = sequences * chance.randrange(100, 900), prefill * prefill / 2
        took_s = 0.01 + 1e-4 * prefill + 3e-4 * sequences + 2e-7 * kv + 1e-8 * context
        costs.add(took_s * chance.gauss(1, 0.02), prefill=prefill, prefill_context=context, sequences=sequences, kv=kv)
        if at < 64:
            assert costs.weights is None
    assert costs.weights is not None
    assert costs.weights.base == pytest.approx(0.01, rel=0.1)
    assert costs.weights.prefill_token == pytest.approx(1e-4, rel=0.1)
    assert costs.weights.sequence == pytest.approx(3e-4, rel=0.2)
