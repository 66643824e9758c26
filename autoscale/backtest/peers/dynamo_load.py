"""NVIDIA Dynamo's planner, load loop (ai-dynamo/dynamo ``planner/core`` @0c9050c9)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autoscale.backtest.peers.lengths import RecentLengths
from autoscale.backtest.peers.model import PROFILED, ModelOf
from autoscale.backtest.peers.readings import loads
from autoscale.backtest.rule import Sampleless
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Load, PoolFleet
from autoscale.policy import PoolDecision, hold

SENSITIVITY = 0.8
_MOST_KV = 1.0


def changing(pool: PoolFleet) -> bool:
    """Tell whether replicas come or are to go: the loop does nothing until they have; one that drains has gone."""
    return pool.ready != pool.target or sum(one.stage != "draining" for one in pool.replicas) != pool.target


@dataclass(slots=True, kw_only=True)
class EasyLoad(Sampleless):
    """One more when any engine's KV, queue included, is over the cache; one less when all are below 0.6 of it.

    This is the planner as it comes, with the target "throughput"; "latency" has 0.4 and 0.1.
    """

    up_share: float = 1.0
    down_share: float = 0.6
    interval_s: float = 5.0

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:  # noqa: ARG002  # a rule is told the time
        """Answer from KV use, unless a change is under way."""
        used = [_kv_with_queue(pool, load) for _, load in loads(pool)]
        if changing(pool) or not used:
            return hold(pool, "replicas are coming or going")
        why = f"kv with queue {min(used):.2f} to {max(used):.2f}"
        step = 1 if max(used) > self.up_share else -1 if max(used) < self.down_share else 0
        return PoolDecision(replicas=max(1, pool.target + step), reason=why)


def _kv_with_queue(pool: PoolFleet, load: Load) -> float:
    queued = load.queued_prompt_tokens / pool.limits.kv_tokens if pool.limits.kv_tokens else 0.0
    return load.kv_used + queued


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one engine's next request would meet, in seconds; ``own_s`` is the TTFT of its prompt alone."""

    ttft_s: float
    own_s: float
    tpot_s: float
    kv_used: float


def estimate(step: StepModel, pool: PoolFleet, load: Load, prompt: float, grown: float = 1.0) -> Estimate:
    """Estimate from the engine's queue and batch, each *grown* times as large."""
    running, kv = load.running * grown, load.kv_used * grown * pool.limits.kv_tokens
    queued = load.queued_prompt_tokens * grown
    beside = step.seconds(sequences=running, kv=kv)

    def prefill_s(tokens: float) -> float:
        steps = math.ceil(tokens / pool.limits.batched_tokens) if pool.limits.batched_tokens else 1
        return max(1, steps) * beside + step.seconds(prefill=tokens, prefill_context=tokens * prompt / 2) - step.base_s

    return Estimate(
        ttft_s=prefill_s(queued + prompt), own_s=prefill_s(prompt), tpot_s=beside, kv_used=grown * load.kv_used
    )


@dataclass(slots=True, kw_only=True)
class SlaLoad:
    """One more when all engines are estimated over a target, one less when all would stay well within with one less."""

    sensitivity: float = SENSITIVITY
    model_of: ModelOf = PROFILED
    interval_s: float = 5.0
    _lengths: RecentLengths = field(default_factory=RecentLengths)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Follow the mean lengths."""
        self._lengths.see(pool, at_s)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:  # noqa: ARG002  # a rule is told the time
        """Answer from each engine's estimate, unless a change is under way."""
        step, known = self.model_of(pool), [load for _, load in loads(pool)]
        if step is None or changing(pool) or not known:
            return hold(pool, "replicas are coming or going, or step times unknown")
        prompt = self._lengths.prompt * (1 - self._lengths.cached_share)
        now = [estimate(step, pool, load, prompt) for load in known]
        ttft_s, tpot_s = pool.slo.ttft_p95_s or math.inf, pool.slo.tpot_p95_s or math.inf
        why = f"ttft {min(one.ttft_s for one in now):.2f}s at best, tpot {min(one.tpot_s for one in now):.4f}s"
        if all(one.ttft_s > ttft_s for one in now) or all(one.tpot_s > tpot_s for one in now):
            return PoolDecision(replicas=pool.target + 1, reason=why)
        n = pool.ready
        if n > 1:
            fewer = [estimate(step, pool, load, prompt, n / (n - 1)) for load in known]
            if all(self._easy(one, ttft_s, tpot_s) for one in fewer):
                return PoolDecision(replicas=n - 1, reason=why)
        return PoolDecision(replicas=pool.target, reason=why)

    def _easy(self, one: Estimate, ttft_s: float, tpot_s: float) -> bool:
        prefill = one.ttft_s - one.own_s < self.sensitivity * (ttft_s - one.own_s)
        return prefill and one.tpot_s < self.sensitivity * tpot_s and one.kv_used < _MOST_KV
