"""How fast models decode, side by side: transformers, greedy, one stream."""

import time
from collections.abc import Sequence
from typing import Any

import torch

ROUNDS = 5
TOKENS = 48


def decode_rates(models: Sequence[Any], prompt: Sequence[int]) -> list[float]:
    """Return tokens a second of each model: the best of rounds in turn, since what else runs only slows."""
    rates: list[list[float]] = [[] for _ in models]
    for _ in range(ROUNDS):
        for model, seen in zip(models, rates, strict=True):
            seen.append(_rate(model, prompt))
    return [round(max(seen), 2) for seen in rates]


@torch.no_grad()
def _rate(model: Any, prompt: Sequence[int]) -> float:
    out = model(input_ids=torch.tensor([list(prompt)]), use_cache=True)
    started = time.perf_counter()
    for _ in range(TOKENS):
        token = out.logits[:, -1:].argmax(dim=-1)
        out = model(input_ids=token, past_key_values=out.past_key_values, use_cache=True)
    return TOKENS / (time.perf_counter() - started)
