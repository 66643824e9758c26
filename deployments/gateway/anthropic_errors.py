"""Errors as Anthropic's clients expect them."""

from __future__ import annotations

from typing import Literal

import msgspec

from deployments.errors import Rejected, ServingError

_OVERLOADED = 529
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    _OVERLOADED: "overloaded_error",
}


class AnthropicError(msgspec.Struct):
    """What went wrong; the type follows from the status."""

    type: str
    message: str


class AnthropicErrorBody(msgspec.Struct, kw_only=True):
    """The body of an answer that failed, and the data of the event in which a stream does."""

    type: Literal["error"] = "error"
    error: AnthropicError
    request_id: str


class AnthropicFormat:
    """Its statuses differ: overload is 529, and a fault of the server is 500 whatever it was."""

    def status(self, error: ServingError) -> int:
        """Return the status that Anthropic's clients map to their exceptions."""
        if isinstance(error, Rejected) and error.status == Rejected.status:
            return _OVERLOADED
        return error.status if error.status in _TYPES else 500

    def body(self, error: ServingError, request_id: str) -> AnthropicErrorBody:
        """Return the wire object."""
        kind = _TYPES.get(self.status(error), "api_error")
        return AnthropicErrorBody(error=AnthropicError(type=kind, message=error.message), request_id=request_id)

    def event(self, error: ServingError, request_id: str) -> bytes:
        """Return the ``error`` event."""
        return b"event: error\ndata: " + msgspec.json.encode(self.body(error, request_id)) + b"\n\n"
