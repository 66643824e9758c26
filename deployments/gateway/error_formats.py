"""Which endpoint tells its errors how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from deployments.errors import ServingError
from deployments.gateway.anthropic_errors import AnthropicFormat
from deployments.gateway.wire_errors import OPENAI, ErrorFormat, OpenAIFormat
from deployments.request import Endpoint


class ResponsesFormat(OpenAIFormat):
    """OpenAI's, with named events.

    The error stands in the event twice, because clients differ in where they look: the specification has its fields
    at the top, the official clients raise what is under ``error``.
    """

    def event(self, error: ServingError, request_id: str) -> bytes:
        """Return the ``error`` event."""
        told = self.body(error, request_id).error
        data: dict[str, Any] = {"type": "error", "code": told.code, "message": told.message, "param": told.param}
        return b"event: error\ndata: " + msgspec.json.encode({**data, "error": told}) + b"\n\n"


ANTHROPIC_PATH = "/v1/messages"
_ANTHROPIC, _RESPONSES = AnthropicFormat(), ResponsesFormat()
_OTHERS: Mapping[Endpoint, ErrorFormat] = {
    "messages": _ANTHROPIC,
    "count_tokens": _ANTHROPIC,
    "responses": _RESPONSES,
    "response": _RESPONSES,
}


def format_of(endpoint: Endpoint) -> ErrorFormat:
    """Return how *endpoint* tells its errors."""
    return _OTHERS.get(endpoint, OPENAI)


def format_at(path: str) -> ErrorFormat:
    """Return how errors are told at *path*, whether or not there is an endpoint."""
    return _ANTHROPIC if path.startswith(ANTHROPIC_PATH) else OPENAI
