"""The request that an engine answers before it is ready."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from deployments.request import Context, Endpoint, Request

_TEXT = "The capital of France is the city of"
_BODIES: Mapping[Endpoint, dict[str, Any]] = {
    "completion": {"prompt": _TEXT, "max_tokens": 4, "temperature": 0},
    "embeddings": {"input": _TEXT},
    "score": {"queries": _TEXT, "documents": "Paris"},
    "tokenize": {"prompt": _TEXT},
}


def warm_up_request(name: str, endpoints: Collection[Endpoint]) -> Request:
    """Ask for something short that the model can do: a completion needs no chat template, a score no generation."""
    endpoint: Endpoint = next((one for one in _BODIES if one in endpoints), "tokenize")
    return Request(endpoint=endpoint, model=name, body=_BODIES[endpoint], stream=endpoint == "completion")


def warm_up_context(deadline_s: float) -> Context:
    """Return a context that ends *deadline_s* seconds from now."""
    return Context(request_id="warm-up", deadline_s=time.monotonic() + deadline_s, now=datetime.now(UTC))
