"""What OpenTelemetry's conventions for generative AI call our endpoints, and us."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.request import Endpoint

PROVIDER = "tercet"
# It has no name for the others, which keep ours.
_OPERATIONS: Mapping[Endpoint, str] = {
    "chat": "chat",
    "messages": "chat",
    "responses": "chat",
    "completion": "text_completion",
    "embeddings": "embeddings",
}


def operation(endpoint: Endpoint) -> str:
    """Return the operation's name."""
    return _OPERATIONS.get(endpoint, endpoint)
