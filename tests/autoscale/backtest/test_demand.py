"""Traces summed up in engine seconds."""

from __future__ import annotations

import numpy as np
import pytest

from autoscale.backtest.calibrate import lengths
from autoscale.backtest.demand import engine_seconds, offered, smoothed
from autoscale.capacity.step_model import StepModel
from autoscale.sim.arrivals import Arrivals

STEP = StepModel(base_s=0.02, prefill_token_s=1e-3, prefill_context_s=1e-6, sequence_s=1e-2, kv_token_s=1e-5)


def arrivals(*rows: tuple[float, int, int, int]) -> Arrivals:
    t_s, prompt, output, cached = (list(column) for column in zip(*rows, strict=True))
    return Arrivals(
        t_s=np.array(t_s, float),
        prompt=np.array(prompt, np.int32),
        output=np.array(output, np.int32),
        cached=np.array(cached, np.int32),
    )


def test_a_request_costs_its_prompt_and_every_token_it_attends_to():
    """100 of 300 prompt tokens are cached: 200 new ones, each attending to 200 on average; 10 tokens out."""
    seconds = engine_seconds(STEP)(arrivals((0.0, 300, 10, 100)))
    assert seconds.prefill[0] == pytest.approx(200 * 1e-3 + 1e-6 * 200 * 200)
    assert seconds.decode[0] == pytest.approx(10 * 1e-2 + 1e-5 * 10 * 305)


def test_answers_are_worked_on_over_the_time_that_they_take():
    """20 tokens at 1 s each from second 5 on fill steps of 10 s evenly: 5 to 25 s is in three of them."""
    of = arrivals((5.0, 0, 20, 0), (39.0, 1, 1, 0))
    found = offered([of], engine_seconds(StepModel(
        base_s=0, prefill_token_s=7.0, prefill_context_s=0, sequence_s=0.3, kv_token_s=0,
    )), 10.0, 1.0)  # fmt: skip
    assert found.seconds.tolist() == pytest.approx([2.0, 2.0, 2.0, 7.15])
    assert found.requests.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert found.replicas(0.2).tolist() == pytest.approx([1.0, 1.0, 1.0, 3.575])


def test_chunks_add_up_to_the_whole():
    """How a trace is cut does not matter."""
    rng = np.random.default_rng(0)
    rows = [
        (float(t), 100, int(n), 0)
        for t, n in zip(np.sort(rng.uniform(0, 500, 200)), rng.integers(1, 90, 200), strict=True)
    ]
    whole = offered([arrivals(*rows)], engine_seconds(STEP), 15.0, 0.5)
    cut = offered([arrivals(*rows[:70]), arrivals(*rows[70:71]), arrivals(*rows[71:])], engine_seconds(STEP), 15.0, 0.5)
    assert cut.seconds.tolist() == pytest.approx(whole.seconds.tolist())


def test_smoothing_keeps_the_mean_and_the_ends():
    """A constant stays one, and a spike is spread."""
    assert smoothed(np.full(10, 3.0), 4).tolist() == pytest.approx([3.0] * 10)
    assert smoothed(np.array([0.0, 0.0, 9.0, 0.0, 0.0]), 3).tolist() == pytest.approx([0, 3, 3, 3, 0])


def test_lengths_are_kept_evenly():
    """Of many requests a bounded sample of the same mean is kept, over the whole trace."""
    rows = arrivals(*[(float(t), t, 1, 0) for t in range(100_000)])
    sample = lengths([rows]).sample
    assert len(sample) <= 40_000
    assert sample.prompt.mean() == pytest.approx(50_000, rel=0.01)


def test_a_trace_without_requests_is_refused():
    """There is nothing to measure by."""
    with pytest.raises(ValueError, match="no requests"):
        lengths([])
