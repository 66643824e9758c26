"""Which loads tell an engine's step times apart: few and many sequences, short and long prompts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deployments.engines.base import EngineInfo

_STREAMS = (1, 4, 16, 64, 256)
# Equal steps of the logarithm: a step's time is not quite linear in its prompt tokens, and most prompts are short.
_PROMPTS = (16, 64, 256, 1024, 4096)
# Long enough that most steps only decode, short enough that a few prompts are seen in every round.
_OUTPUT = 48
_CACHE_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """So many clients that each ask again as soon as they have an answer, all of these lengths in tokens."""

    streams: int
    prompt_tokens: int
    output_tokens: int

    def __str__(self) -> str:
        """Name the round as the report shows it."""
        return f"{self.streams} x {self.prompt_tokens}+{self.output_tokens}"


def rounds(info: EngineInfo) -> list[Round]:
    """Return the rounds for an engine of this size: those whose sequences fit into its batch, context and cache."""
    return list(_rounds(info))


def _rounds(info: EngineInfo) -> Iterator[Round]:
    longest = info.max_model_len - _OUTPUT - 1
    prompts = sorted({min(prompt, longest) for prompt in _PROMPTS if prompt <= 2 * longest})
    streams = sorted({min(count, max(1, info.slots)) for count in _STREAMS})
    for count in streams:
        for prompt in prompts:
            if prompt > 0 and count * (prompt + _OUTPUT) <= _CACHE_SHARE * (info.kv_tokens or float("inf")):
                yield Round(streams=count, prompt_tokens=prompt, output_tokens=_OUTPUT)
