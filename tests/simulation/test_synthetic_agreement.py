"""Where their rules coincide, the simulator's engine and the synthetic engine of the serving path do the same."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Slo
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.world import simulate
from deployments.engines.synthetic_batch import Batch, Sequence, step_seconds
from deployments.engines.synthetic_spec import StepTime, SyntheticSpec
from tests.simulation.small import Fixed, arrivals, pool, profile, scenario

SLOTS, KV, BUDGET = 6, 100_000, 50_000


def _synthetic(spec: SyntheticSpec, trace: Arrivals) -> tuple[list[float], list[float]]:
    """Step the serving path's batch on a clock of its own; return times to first token and per further token."""
    batch = Batch(slots=SLOTS, kv_tokens=KV, prefill_tokens_per_step=BUDGET)
    coming = deque(
        (at, Sequence(prompt_tokens=prompt, output_tokens=output))
        for at, prompt, output in zip(trace.t_s.tolist(), trace.prompt.tolist(), trace.output.tolist(), strict=True)
    )
    arrived, firsts, lasts = {}, {}, {}
    now_s = 0.0
    while coming or batch.running or batch.waiting:
        if not (batch.running or batch.waiting):
            now_s = max(now_s, coming[0][0])
        while coming and coming[0][0] <= now_s:
            at_s, sequence = coming.popleft()
            arrived[sequence] = at_s
            batch.add(sequence)
        step = batch.plan()
        now_s += step_seconds(spec, step)
        for sequence in batch.finish(step):
            firsts.setdefault(sequence, now_s)
            lasts[sequence] = now_s
    ttft = [firsts[one] - at_s for one, at_s in arrived.items()]
    tpot = [(lasts[one] - firsts[one]) / max(1, one.output_tokens - 1) for one in arrived]
    return ttft, tpot


@pytest.mark.parametrize("rate", [1.0, 8.0, 20.0])
def test_both_engines_take_the_same_time(rate):
    """With room for every prompt and no time by sequence, the batch differs in nothing."""
    spec = SyntheticSpec(step=StepTime(base_ms=12.0, per_prefill_token_us=80.0, per_sequence_us=0.0))
    step = StepModel(
        base_s=0.012, prefill_token_s=80e-6, prefill_context_s=0.0, sequence_s=0.0, kv_token_s=0.0
    )  # fmt: skip
    trace = arrivals(400, rate, seed=3)
    ttft, tpot = _synthetic(spec, trace)
    engine = pool(profile=profile(slots=SLOTS, kv=KV, batched=BUDGET, step=step), slo=Slo())
    one = simulate(scenario(engine, routing_s=0.0), {"chat": [trace]}, Fixed()).pools["chat"]
    assert one.answered == len(trace)
    assert one.ttft.mean == pytest.approx(np.mean(ttft), rel=1e-9)
    assert one.tpot.mean == pytest.approx(np.mean(tpot), rel=1e-9)
    assert one.ttft.quantile(0.99) == pytest.approx(np.quantile(ttft, 0.99, method="inverted_cdf"), rel=0.02)
