"""What a model costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million prompt and completion tokens cost, in *currency* where it is said."""

    prompt: float
    completion: float
    currency: str = ""


def cost(price: Price, prompt_tokens: float, completion_tokens: float) -> float:
    """Return what a request costs, in the price's own currency."""
    return (prompt_tokens * price.prompt + completion_tokens * price.completion) / 1e6


def one_currency(prices: Mapping[str, Price]) -> str:
    """Return the currency of all *prices*, empty where none is said; raises ValueError where there are several."""
    first: dict[str, str] = {}
    for model, price in prices.items():
        if price.currency:
            first.setdefault(price.currency, model)
    if len(first) > 1:
        told = " and ".join(f"{model} in {currency}" for currency, model in first.items())
        raise ValueError(f"{told} cannot be compared; give both in one currency by --price")
    return next(iter(first), "")
