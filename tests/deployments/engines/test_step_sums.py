"""Sums over steps: exact for usual ones, blind to warm-up and to single outliers."""

from __future__ import annotations

import time

import pytest

from deployments.engines.step_sums import WARM_UP_STEPS, WARM_UP_STEPS_OF_A_SIZE, StepSums

USUAL = {"prefill": 3.0, "prefill_context": 30.0, "sequences": 2.0, "kv": 50.0}


def warm(sums: StepSums) -> StepSums:
    for _ in range(WARM_UP_STEPS + WARM_UP_STEPS_OF_A_SIZE):
        sums.add(9.0, **USUAL)
    assert sums.read().steps == 0
    return sums


def test_the_sums_are_the_normal_equations() -> None:
    """Every product of features, and of features and time."""
    sums = warm(StepSums())
    rows = [(1.0, 3.0, 30.0, 2.0, 50.0), (1.0, 0.0, 0.0, 4.0, 70.0), (1.0, 2.0, 10.0, 4.0, 80.0)]
    for row, seconds in zip(rows, (0.5, 0.4, 0.6), strict=True):
        _, prefill, context, sequences, kv = row
        sums.add(seconds, prefill=prefill, prefill_context=context, sequences=sequences, kv=kv)
    kept = list(zip(rows, (0.5, 0.4, 0.6), strict=True))
    read = sums.read()
    assert read.steps == 3
    assert read.gram == pytest.approx([sum(r[i] * r[j] for r, _ in kept) for i in range(5) for j in range(i, 5)])
    assert read.seconds == pytest.approx([sum(r[i] * t for r, t in kept) for i in range(5)])
    assert read.seconds_squared == pytest.approx(0.25 + 0.16 + 0.36)


def test_the_first_steps_of_each_size_are_left_out() -> None:
    """A batch of another size is another compilation."""
    sums = StepSums()
    for _ in range(WARM_UP_STEPS + WARM_UP_STEPS_OF_A_SIZE + 10):
        sums.add(0.1, prefill=0, prefill_context=0, sequences=2, kv=10)
    before = sums.read().steps
    assert before == 10
    for _ in range(WARM_UP_STEPS_OF_A_SIZE + 3):
        sums.add(0.1, prefill=500, prefill_context=100, sequences=2, kv=10)
    assert sums.read().steps == before + 3


def test_an_outlier_is_left_out_and_a_change_is_not() -> None:
    """One step of a hundred times the usual is dropped; when all are as slow, they soon count."""
    sums = StepSums()
    for _ in range(WARM_UP_STEPS + 20):
        sums.add(0.01, **USUAL)
    before = sums.read()
    sums.add(1.0, **USUAL)
    assert sums.read() == before
    for _ in range(60):
        sums.add(0.1, **USUAL)
    assert sums.read().steps > before.steps + 20


def test_a_step_costs_microseconds() -> None:
    """Against engine steps of milliseconds; generous, since other work may have the core."""
    sums = StepSums()
    took_s = []
    for _ in range(5):
        began_s = time.perf_counter()
        for _ in range(1000):
            sums.add(0.01, **USUAL)
        took_s.append((time.perf_counter() - began_s) / 1000)
    assert min(took_s) < 20e-6
