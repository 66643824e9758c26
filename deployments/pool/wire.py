"""What crosses between a gateway and an engine replica: one Call down; Accepted, then Frames or one Failure back.

Failures travel as values: an exception would arrive wrapped by whatever carried it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from deployments.errors import ServingError, by_code
from deployments.request import Context, Frame, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request on its way to a replica. Clocks differ between machines, so the deadline travels as time left."""

    request: Request
    request_id: str
    remaining_s: float
    now: datetime
    tenant: str
    headers: Mapping[str, str]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The end of a stream that did not succeed."""

    code: str
    message: str
    param: str | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The call has reached a replica's hands: from here on only the answer itself is waited for."""


Message = Accepted | Frame | Failure


def call_of(request: Request, context: Context, *, now_s: float) -> Call:
    """Pack a request for the wire; *now_s* is on the clock of the context's deadline."""
    return Call(
        request=request,
        request_id=context.request_id,
        remaining_s=max(0.0, context.deadline_s - now_s),
        now=context.now,
        tenant=context.tenant,
        headers=context.headers,
        path=context.path,
    )


def context_of(call: Call, *, now_s: float) -> Context:
    """Unpack a call's context on the receiver's clock."""
    return Context(
        request_id=call.request_id,
        deadline_s=now_s + call.remaining_s,
        now=call.now,
        tenant=call.tenant,
        headers=call.headers,
        path=call.path,
    )


def failure_of(error: ServingError) -> Failure:
    """Turn an error into the value that crosses the wire."""
    return Failure(code=error.code, message=error.message, param=error.param, retry_after_s=error.retry_after_s)


def error_of(failure: Failure) -> ServingError:
    """Turn a received failure back into its error."""
    return by_code(failure.code)(failure.message, param=failure.param, retry_after_s=failure.retry_after_s)
