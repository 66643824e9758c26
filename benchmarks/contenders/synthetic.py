"""The pace that every contender keeps where the engine is synthetic."""

from __future__ import annotations

from deployments.engines.synthetic_spec import StepTime, SyntheticSpec

TICK_MS = 20.0
SLOTS = 512

SPEC = SyntheticSpec(
    step=StepTime(base_ms=TICK_MS, per_prefill_token_us=0, per_sequence_us=0),
    slots=SLOTS,
    kv_tokens=2**20,
    # Every waiting prompt is prefilled in the step that admits it: what is measured is the way, not the queue.
    prefill_tokens_per_step=2**20,
)
