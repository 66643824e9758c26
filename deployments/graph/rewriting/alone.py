"""Requests whose answers are nothing but what passes here: in no second form, and to be had at no second place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deployments.errors import Invalid
from deployments.request import Request

# What shows an answer's words a second time, in pieces that cannot be searched, and the values that do not.
_TOKENS: Mapping[str, tuple[Any, ...]] = {
    "logprobs": (False,),
    "top_logprobs": (0,),
    "prompt_logprobs": (),
    "return_token_ids": (False,),
    "return_tokens_as_token_ids": (False,),
}


def without_tokens(request: Request, name: str) -> Request:
    """Return *request*; raises Invalid where the client asks for an answer's tokens beside its text."""
    for field, harmless in _TOKENS.items():
        value = request.body.get(field)
        if value is not None and value not in harmless:
            raise Invalid(f"{field}: is not possible here, since {name} searches the text of answers", param=field)
    return request


def passing(request: Request, name: str) -> Request:
    """Return *request* for an answer that is kept nowhere; raises Invalid for one that is to be fetched later."""
    if request.endpoint != "responses":
        return request
    if request.body.get("background"):
        raise Invalid(
            f"background: is not possible here, since {name} changes answers as they pass", param="background"
        )
    return replace(request, body={**request.body, "store": False})
