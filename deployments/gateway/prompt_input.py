"""Prompts as text, as token ids, or as lists of either."""

from __future__ import annotations

from typing import Annotated

import msgspec

from deployments.gateway.checked import MAX_INPUTS, wrong

TokenId = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
PromptInput = str | list[str | TokenId | list[TokenId]]


def check_prompts(prompts: PromptInput, field: str) -> None:
    """Raise an Invalid for nothing at all, for a mixture, and for more than is taken at once."""
    if not prompts:
        raise wrong(field, "is empty")
    if isinstance(prompts, str):
        return
    kinds = {type(item) for item in prompts}
    if len(kinds) > 1:
        raise wrong(field, "mixes strings, token ids and lists; use one kind")
    if kinds != {int} and not all(prompts):
        raise wrong(field, "one of the prompts is empty")
    if kinds != {int} and len(prompts) > MAX_INPUTS:
        raise wrong(field, f"holds {len(prompts)} prompts; send at most {MAX_INPUTS} at once")
