"""The share of requests that miss a latency target on an engine in a given state."""

from __future__ import annotations

import math

from autoscale.capacity.congestion import Congestion, Traffic
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.step_model import StepModel
from autoscale.capacity.tails import (
    gamma_tail,
    lognormal_excess,
    lognormal_nodes,
    lognormal_nodes_below,
    lognormal_tail,
)
from autoscale.capacity.work import Work, prefill_costs

# Fitted to simulated engines (``python -m benchmarks.knee_calibration``): how much more than the formulas say a batch's
# size and the prompts of others vary over one answer, how much longer prompts wait, how often one prompt is too long.
_BATCH_VARIES = 1.2
_PROMPTS_VARY = 1.6
_WAIT = 1.2
_ONE = 0.6
_SHORT = 1e-3


def ttft_misses(state: Congestion, step: StepModel, mix: LengthMix, target_s: float) -> float:
    """Return the share of requests whose first token comes after *target_s*."""
    per_token, per_square = prefill_costs(step, mix.cached_share)
    per_token += state.token_s * (1 - mix.cached_share)
    spare_s = target_s - 1.5 * state.step_s
    longest = _root(per_token, per_square, spare_s)
    missed = lognormal_tail(longest, mix.prompt_mean, mix.prompt_cv)
    if state.wait_s > 0:
        for prompt, weight in lognormal_nodes_below(longest, mix.prompt_mean, mix.prompt_cv):
            left_s = spare_s - per_token * prompt - per_square * prompt**2
            missed += weight * state.busy_share * _waits(state, left_s)
    return min(1.0, missed + state.room_share)


def tpot_misses(
    state: Congestion, step: StepModel, mix: LengthMix, work: Work, traffic: Traffic, target_s: float
) -> float:
    """Return the share of requests whose tokens come, on average, more than *target_s* after one another."""
    if target_s <= step.base_s:
        return 1.0
    batch_s = work.sequence_s / (1 - state.prefill_share)
    if target_s >= state.full_step_s + 2 * batch_s * math.sqrt(state.running_variance):
        return 0.0
    batch = _BATCH_VARIES * batch_s**2 * state.running_variance
    growth = batch_s * traffic.rate_rps * work.output_mean
    others = work.prefill_squared + work.prefill_s**2 * (traffic.own_gap_squared - 1)
    others *= _PROMPTS_VARY * state.step_s * traffic.rate_rps * state.busy_too
    behind_s = state.busy_share * state.wait_s
    behind = state.busy_share * (2 - state.busy_share) * state.wait_s**2
    missed, prompt_cv = 0.0, math.sqrt(max(0.0, work.prefill_squared / max(work.prefill_s, 1e-12) ** 2 - 1))
    for output, weight in lognormal_nodes(mix.output_mean, mix.output_cv):
        tokens = max(1.0, output - 1)
        mean_s = state.step_s - step.base_s + min(behind_s / tokens, max(0.0, state.full_step_s - state.step_s))
        variance = batch * _averaged(tokens / work.output_mean * (1 - growth)) + others / tokens + behind / tokens**2
        many = gamma_tail(target_s - step.base_s, mean_s, variance)
        # One long prompt of another request may be enough, and is likelier than a sum of many that is as long.
        spare_s = tokens * (target_s - step.base_s - mean_s)
        others_seen = _ONE * state.busy_too * traffic.rate_rps * (tokens * state.step_s + state.service_s)
        one = min(1.0, others_seen) * lognormal_tail(spare_s, work.prefill_s, prompt_cv) if spare_s > 0 else 1.0
        missed += weight * max(many, one)
    return min(1.0, missed)


def _waits(state: Congestion, left_s: float) -> float:
    """Return how likely a prompt that waits does so for more than *left_s*: for many others, or for one long one."""
    many = math.exp(-left_s / (_WAIT * state.wait_s))
    return max(many, lognormal_excess(left_s, state.service_s, state.service_cv) / max(state.service_s, 1e-9))


def idle_misses(step: StepModel, mix: LengthMix, ttft_s: float | None, tpot_s: float | None, budget: int) -> float:
    """Return the share of requests that miss a target on an engine that has nothing else to do."""
    if tpot_s is not None and step.base_s + step.sequence_s + step.kv_token_s * mix.prompt_mean > tpot_s:
        return 1.0
    if ttft_s is None:
        return 0.0
    per_token, per_square = prefill_costs(step, mix.cached_share)
    per_token += step.base_s / budget * (1 - mix.cached_share) if budget else 0.0
    return lognormal_tail(_root(per_token, per_square, ttft_s - step.base_s), mix.prompt_mean, mix.prompt_cv)


def _averaged(lives: float) -> float:
    """Return what is left of a variance when its process is averaged over *lives* times its memory."""
    return 2 / lives**2 * (lives + math.expm1(-lives)) if lives > _SHORT else 1.0


def _root(linear: float, square: float, value: float) -> float:
    """Return the x >= 0 at which linear x + square x x is *value*; 0 below, infinity where it never is."""
    if value <= 0:
        return 0.0
    if square <= 0:
        return value / linear if linear > 0 else math.inf
    return (math.sqrt(linear**2 + 4 * square * value) - linear) / (2 * square)
