"""What the sequences inside vLLM still need, from its client's own book-keeping."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from deployments.engines.snapshot import snapshot


def backlog(states: Collection[Any], waiting: int) -> tuple[int, int]:
    """Return the prompt tokens of the *waiting* sequences, and the most tokens that all may still generate.

    vLLM does not tell which sequences wait; it admits them in order, so they are the last that have had no token.
    Its event loop may change *states* meanwhile.
    """
    prompts, remaining = [], 0
    for state in snapshot(states):
        generated = 0 if state.stats is None else state.stats.num_generation_tokens
        remaining += max(0, (state.max_tokens_param or 0) - generated)
        if state.is_prefilling:
            prompts.append(state.prompt_len)
    return sum(prompts[max(0, len(prompts) - waiting) :]), remaining
