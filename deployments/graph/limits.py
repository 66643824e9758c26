"""How many tokens a request lets one answer have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from deployments.request import Endpoint, Request

# Where a client has set none, the first is written.
FIELDS: Mapping[Endpoint, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completion": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
}

# What an endpoint's own definition gives an answer whose client has set no limit (OpenAI's, of text completions).
DEFAULTS: Mapping[Endpoint, int] = {"completion": 16}


def limit_of(request: Request) -> int | None:
    """Return the most tokens of one answer by the client's word, None where there is none."""
    found: int | None = request.body.get(_field(request))
    return found


def limited(request: Request, tokens: int) -> Request:
    """Return *request* with answers of at most *tokens* tokens; its endpoint is one that generates."""
    return replace(request, body={**request.body, _field(request): tokens})


def _field(request: Request) -> str:
    fields = FIELDS.get(request.endpoint, ("",))
    return next((name for name in fields if request.body.get(name) is not None), fields[0])
