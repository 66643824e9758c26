"""What the sequences inside vLLM still need, from its client's own book-keeping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def backlog(states: Iterable[Any], waiting: int) -> tuple[int, int]:
    """Return the prompt tokens of the *waiting* sequences, and the most tokens that all may still generate.

    vLLM does not tell which sequences wait; it admits them in order, so they are the last that have had no token.
    """
    prompts, remaining = [], 0
    for state in states:
        generated = 0 if state.stats is None else state.stats.num_generation_tokens
        remaining += max(0, (state.max_tokens_param or 0) - generated)
        if state.is_prefilling:
            prompts.append(state.prompt_len)
    return sum(prompts[max(0, len(prompts) - waiting) :]), remaining
