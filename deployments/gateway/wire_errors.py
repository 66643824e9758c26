"""Errors as OpenAI's clients expect them, as a body with a status or as an event inside a stream."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from starlette.responses import Response

from deployments.errors import Rejected, ServingError

_RETRY_AFTER_S = 1.0


def internal() -> ServingError:
    """Return what a client is told of a fault of ours: nothing but that."""
    return ServingError("an internal error occurred; quote the request id when you report it")


def error_body(error: ServingError) -> dict[str, Any]:
    """Return the wire object."""
    told = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
    return {"error": told}


def error_response(error: ServingError, status: int | None = None) -> Response:
    """Return the whole HTTP answer; whatever is unavailable says when to try again, in whole seconds."""
    response = Response(
        msgspec.json.encode(error_body(error)), status_code=status or error.status, media_type="application/json"
    )
    wait_s = retry_after_s(error)
    if wait_s is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(wait_s)))
    return response


def error_event(error: ServingError) -> bytes:
    """Return the event that ends a stream which cannot go on; no ``[DONE]`` follows it."""
    return b"data: " + msgspec.json.encode(error_body(error)) + b"\n\n"


def retry_after_s(error: ServingError) -> float | None:
    """Return the advised wait in seconds, None where waiting does not help."""
    if error.retry_after_s is not None:
        return error.retry_after_s
    return _RETRY_AFTER_S if error.status == Rejected.status else None
