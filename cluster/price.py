"""What a model costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million prompt and completion tokens cost."""

    prompt: float
    completion: float


def cost(price: Price, prompt_tokens: float, completion_tokens: float) -> float:
    """Return what a request costs, in the price's own currency."""
    return (prompt_tokens * price.prompt + completion_tokens * price.completion) / 1e6
