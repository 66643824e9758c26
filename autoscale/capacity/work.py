"""Engine time per request: what a mix of lengths costs on a step model."""

from __future__ import annotations

from dataclasses import dataclass

from autoscale.capacity.mix import LengthMix
from autoscale.capacity.step_model import StepModel

# How many sequences share a step, where one number has to stand for all.
_RUNNING = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Seconds of steps per request, beyond the constant of every step, and what they consist of.

    ``prefill_s`` for its prompt, with ``prefill_squared`` the mean square over requests; ``sequence_s`` for one
    decoding sequence in one step; ``held_tokens`` is what such a sequence holds in the KV cache on average.
    """

    prefill_s: float
    prefill_squared: float
    sequence_s: float
    held_tokens: float
    output_mean: float

    @property
    def total_s(self) -> float:
        """Return the seconds of steps per request."""
        return self.prefill_s + self.sequence_s * self.output_mean


def work_of(step: StepModel, mix: LengthMix) -> Work:
    """Return what requests of *mix* cost; higher moments of prompt lengths are those of a lognormal distribution."""
    per_token, per_square = prefill_costs(step, mix.cached_share)
    second, growth = mix.prompt_squared, 1 + mix.prompt_cv**2
    third, fourth = mix.prompt_mean**3 * growth**3, mix.prompt_mean**4 * growth**6
    held = (mix.prompt_output + mix.output_squared / 2) / mix.output_mean
    return Work(
        prefill_s=per_token * mix.prompt_mean + per_square * second,
        prefill_squared=per_token**2 * second + 2 * per_token * per_square * third + per_square**2 * fourth,
        sequence_s=step.sequence_s + step.kv_token_s * held,
        held_tokens=held,
        output_mean=mix.output_mean,
    )


def prefill_costs(step: StepModel, cached_share: float) -> tuple[float, float]:
    """Return the seconds of a prompt's prefill per token, and per token squared, both of its whole length."""
    return step.prefill_token_s * (1 - cached_share), step.prefill_context_s * (1 - cached_share**2) / 2


def request_s(step: StepModel, mix: LengthMix) -> float:
    """Return about how long one request keeps an engine busy, with a part of the constant of every step."""
    return sum(a * b for a, b in zip(step.values, features(mix, running=_RUNNING), strict=True))


def features(mix: LengthMix, *, running: float) -> tuple[float, float, float, float, float]:
    """Return what a request adds to the sums of step features, with *running* sequences in a step to share it."""
    held = mix.prompt_output + mix.output_squared / 2
    computed, context = mix.prompt_mean * (1 - mix.cached_share), mix.prompt_squared * (1 - mix.cached_share**2) / 2
    return mix.output_mean / max(1.0, running), computed, context, mix.output_mean, held
