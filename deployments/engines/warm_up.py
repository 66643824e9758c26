"""The request that an engine answers before it is ready."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from deployments.request import Context, Request


def warm_up_request(name: str) -> Request:
    """Ask for a short completion, which every model can give, with or without a chat template."""
    body = {"prompt": "The capital of France is the city of", "max_tokens": 16, "temperature": 0}
    return Request(endpoint="completion", model=name, body=body, stream=True)


def warm_up_context(deadline_s: float) -> Context:
    """Return a context that ends *deadline_s* seconds from now."""
    return Context(request_id="warm-up", deadline_s=time.monotonic() + deadline_s, now=datetime.now(UTC))
