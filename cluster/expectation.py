"""What to expect of one model for one request: first token, whole answer and cost, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.figures import Known
from cluster.price import Price, cost


def expected(
    known: Known, *, prompt_tokens: int, tokens: float | None, promised_s: float | None, price: Price | None
) -> Iterator[tuple[str, str]]:
    """Yield what to expect with its grounds; *tokens* is the answer's length, *promised_s* the pool's p95 promise."""
    yield "first token", _first_token(known, promised_s)
    length = known.tokens if tokens is None else tokens
    yield "whole answer", _whole(known, length)
    yield "cost", _cost(price, prompt_tokens, length)


def _first_token(known: Known, promised_s: float | None) -> str:
    told = [f"{known.ttft_s:.3g} s ({known.source})"] if known.ttft_s is not None else []
    told += [f"promised within {promised_s:g} s for 95 % of the requests (slo)"] if promised_s is not None else []
    return ", ".join(told) or "unknown: neither figures (--from) nor an slo"


def _whole(known: Known, length: float | None) -> str:
    if length is None:
        return "unknown: nobody said how long the answer gets (--tokens)"
    duration_s = known.duration_s(length)
    if duration_s is None:
        return "unknown: no figures of this model (--from)"
    return f"{duration_s:.3g} s for {length:.0f} tokens ({known.source})"


def _cost(price: Price | None, prompt_tokens: int, length: float | None) -> str:
    if price is None:
        return "unknown: no price (--price)"
    amount = f"{cost(price, prompt_tokens, length or 0):.3g}{price.currency and f' {price.currency}'}"
    if length is None:
        return f"{amount} for the prompt; the answer's length is unknown (--tokens)"
    return f"{amount} for about {prompt_tokens} and {length:.0f} tokens"
