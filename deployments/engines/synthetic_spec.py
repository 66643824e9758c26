"""What a synthetic engine does: its step times, sizes, start-up and faults."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from deployments.cost.weights import USUAL, Weights
from deployments.quantities import Seconds


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StepTime(_Section):
    """How long one engine step takes: base + prefill tokens + sequences that decode, times a seeded noise.

    ``per_prefill_context_us`` is per prompt token and token before it that it attends to, ``per_kv_token_us`` per token
    in the cache of the sequences that decode: as in the step model of an engine's profile. ``noise`` is the standard
    deviation of a factor around 1. The defaults resemble a 135M model on two cores.
    """

    base_ms: float = Field(default=20.0, ge=0)
    per_prefill_token_us: float = Field(default=150.0, ge=0)
    per_sequence_us: float = Field(default=500.0, ge=0)
    per_prefill_context_us: float = Field(default=0.0, ge=0)
    per_kv_token_us: float = Field(default=0.0, ge=0)
    noise: float = Field(default=0.0, ge=0, le=1)


class Faults(_Section):
    """What goes wrong, by design.

    ``slow`` multiplies every step. The engine stops stepping, or dies, once it has generated the given number of
    tokens in all. ``refuse`` turns every request away as Overloaded; ``fail_start`` fails the start.
    """

    slow: float = Field(default=1.0, gt=0)
    hang_after_tokens: int | None = Field(default=None, ge=0)
    die_after_tokens: int | None = Field(default=None, ge=0)
    refuse: bool = False
    fail_start: bool = False


class SyntheticSpec(_Section):
    """A synthetic engine; a seed and a request decide its tokens.

    ``start_up`` is how long a start takes from the beginning of the replica's process on, which may itself take longer.
    With a ``prefix_cache`` what prompts begin alike with is computed once for each tenant, as in vLLM.
    ``confidence`` is the geometric mean of the probabilities that it claims for them: a low one makes a model unsure.
    """

    seed: int = 0
    step: StepTime = StepTime()
    slots: int = Field(default=16, ge=1)
    kv_tokens: int = Field(default=65_536, ge=1)
    max_model_len: int = Field(default=8_192, ge=2)
    prefill_tokens_per_step: int = Field(default=2_048, ge=1)
    start_up: Seconds = 0.0
    output_tokens: int = Field(default=64, ge=1)
    prefix_cache: bool = False
    confidence: float = Field(default=0.9, gt=0, le=1)
    faults: Faults = Faults()


def weights(step: StepTime) -> Weights:
    """Return what each piece of a step takes; the usual weights of steps that take no time."""
    found = Weights(
        base=step.base_ms / 1e3,
        prefill_token=step.per_prefill_token_us / 1e6,
        prefill_context=step.per_prefill_context_us / 1e6,
        sequence=step.per_sequence_us / 1e6,
        kv_token=step.per_kv_token_us / 1e6,
    )
    return found._replace(base=max(found.base, 1e-9)) if any(found) else USUAL
