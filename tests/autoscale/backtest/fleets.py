"""Pools whose replicas have loads of their own, and rules asked about them."""

from __future__ import annotations

from typing import Any

from autoscale.backtest.rule import Rule
from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Demand, PoolFleet, Slo
from deployments.totals import LengthTotals
from tests.autoscale.builders import pool, replica

STEP = StepModel(base_s=0.02, prefill_token_s=1e-4, prefill_context_s=0.0, sequence_s=5e-4, kv_token_s=1e-7)
LIMITS = EngineLimits(slots=64, batched_tokens=2048, kv_tokens=100_000)


def loaded(*loads: dict[str, Any], starting: int = 0, **given: Any) -> PoolFleet:
    """Return a pool with a ready replica for each of *loads*."""
    replicas = [replica(f"r{at}", **load) for at, load in enumerate(loads)]
    replicas += [replica(f"s{at}", stage="loading") for at in range(starting)]
    profile = EngineProfile(model="m", hardware="h", step=STEP, limits=LIMITS)
    defaults: dict[str, Any] = {
        "target": len(replicas),
        "slots": 64,
        "limits": LIMITS,
        "profile": profile,
        "slo": Slo(ttft_p95_s=1.0, tpot_p95_s=0.05),
    }
    return pool(**{**defaults, "replicas": tuple(replicas), **given})


def finished(requests: int, prompt: int, output: int, **given: Any) -> Demand:
    """Return the demand of a pool that has finished so many requests of these lengths."""
    totals = LengthTotals(requests=requests, prompt_tokens=requests * prompt, output_tokens=requests * output)
    return Demand(lengths=totals, **given)


def asked(rule: Rule, of: PoolFleet, at_s: float = 0.0) -> int:
    """Show the rule the pool and ask it."""
    rule.see(of, at_s)
    return rule.size(of, at_s).replicas
