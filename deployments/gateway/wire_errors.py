"""Errors as clients expect them, as a body with a status or as an event inside a stream; OpenAI's form by default."""

from __future__ import annotations

import math
from typing import Protocol

import msgspec
from starlette.responses import Response

from deployments.errors import Rejected, ServingError, Unauthorized

_RETRY_AFTER_S = 1.0


class ErrorFormat(Protocol):
    """One surface's way to tell an error."""

    def status(self, error: ServingError) -> int:
        """Return the HTTP status."""
        ...

    def body(self, error: ServingError, request_id: str) -> msgspec.Struct:
        """Return the wire object."""
        ...

    def event(self, error: ServingError, request_id: str) -> bytes:
        """Return the event that ends a stream which cannot go on; nothing follows it."""
        ...


class OpenAIError(msgspec.Struct, kw_only=True):
    """What went wrong; ``param`` is the field of the request at fault."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIErrorBody(msgspec.Struct):
    """The body of an answer that failed."""

    error: OpenAIError


class OpenAIFormat:
    """OpenAI's, for everything that is not another's."""

    def status(self, error: ServingError) -> int:
        """Return the error's own status."""
        return error.status

    def body(self, error: ServingError, request_id: str) -> OpenAIErrorBody:  # noqa: ARG002 - a header has the id
        """Return the wire object."""
        return OpenAIErrorBody(OpenAIError(message=error.message, type=error.kind, param=error.param, code=error.code))

    def event(self, error: ServingError, request_id: str) -> bytes:
        """Return the event; no ``[DONE]`` follows it."""
        return b"data: " + msgspec.json.encode(self.body(error, request_id)) + b"\n\n"


OPENAI: ErrorFormat = OpenAIFormat()


def internal() -> ServingError:
    """Return what a client is told of a fault of ours: nothing but that."""
    return ServingError("an internal error occurred; quote the request id when you report it")


def error_response(
    error: ServingError, status: int | None = None, *, form: ErrorFormat = OPENAI, request_id: str = ""
) -> Response:
    """Return the whole HTTP answer; whatever is unavailable says when to try again, in whole seconds."""
    response = Response(
        msgspec.json.encode(form.body(error, request_id)),
        status_code=status or form.status(error),
        media_type="application/json",
    )
    wait_s = retry_after_s(error)
    if wait_s is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(wait_s)))
    if error.status == Unauthorized.status:
        response.headers["www-authenticate"] = "Bearer"
    return response


def retry_after_s(error: ServingError) -> float | None:
    """Return the advised wait in seconds, None where waiting does not help."""
    if error.retry_after_s is not None:
        return error.retry_after_s
    return _RETRY_AFTER_S if error.status == Rejected.status else None
