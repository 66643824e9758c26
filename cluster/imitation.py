"""Synthetic engines that step as a measured engine does."""

from __future__ import annotations

from autoscale.capacity.profile import EngineProfile
from deployments.engines.synthetic_spec import StepTime, SyntheticSpec

_SLOTS, _BATCHED_TOKENS, _KV_TOKENS = 256, 8_192, 1_000_000


def imitating(
    profile: EngineProfile, *, speed: float = 1.0, seed: int = 0, max_model_len: int | None = None
) -> SyntheticSpec:
    """Return a synthetic engine with the step times, sizes and start of *profile*, all *speed* times as fast.

    Sizes that the profile does not know are those of a large engine; a start takes the median. ``max_model_len`` is
    the whole KV cache unless given.
    """
    step, limits = profile.step, profile.limits
    kv_tokens = limits.kv_tokens or _KV_TOKENS
    return SyntheticSpec(
        seed=seed,
        step=StepTime(
            base_ms=1e3 * step.base_s / speed,
            per_prefill_token_us=1e6 * step.prefill_token_s / speed,
            per_prefill_context_us=1e6 * step.prefill_context_s / speed,
            per_sequence_us=1e6 * step.sequence_s / speed,
            per_kv_token_us=1e6 * step.kv_token_s / speed,
            noise=min(1.0, profile.noise),
        ),
        slots=limits.slots or _SLOTS,
        kv_tokens=kv_tokens,
        max_model_len=max(2, max_model_len or kv_tokens),
        prefill_tokens_per_step=limits.batched_tokens or _BATCHED_TOKENS,
        start_up=profile.starts.median_s / speed,
    )
