"""What crosses between a gateway and an engine replica, as MessagePack: calls and cancellations up, batches down.

One message carries all that happened since the one before. Failures travel as values, and clocks differ between
machines, so a deadline travels as the time that is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from deployments.errors import Invalid, ServingError, by_code
from deployments.request import Context, Frame, Request
from deployments.standing import ALONE, Standing
from deployments.telemetry.trace_context import headers_of


class Call(msgspec.Struct, tag="call", frozen=True, kw_only=True):
    """One request on its way to a replica; ``number`` names it within its connection.

    ``trace`` is where its spans belong, as W3C's headers, empty where it is not traced.
    """

    number: int
    request: Request
    request_id: str
    remaining_s: float
    now: datetime
    tenant: str
    headers: Mapping[str, str]
    path: tuple[str, ...]
    branch: str = ""
    priority: int = 0
    standing: Standing = ALONE
    charged: bool = True
    trace: Mapping[str, str] = {}


class Keep(msgspec.Struct, tag="keep", frozen=True):
    """The trace of a request, named within it, is kept, and with it what the replica has traced of its calls."""

    request: str


class Cancel(msgspec.Struct, tag="cancel", frozen=True):
    """The end of a call that nobody waits for any more."""

    number: int


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """The end of a call that did not succeed."""

    code: str
    message: str
    param: str | None = None
    retry_after_s: float | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How busy a replica is: calls in flight, those of the receiving gateway among them, and how many it takes.

    A replica that is loading, leaving or broken takes none. ``kv_tokens`` is the size of its KV cache.
    """

    in_flight: int = 0
    yours: int = 0
    limit: int = 0
    kv_tokens: int = 0


class Batch(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a replica has for one gateway: at most one frame a call, then the calls that ended, with their failures."""

    load: Load
    frames: Mapping[int, Frame]
    ended: Mapping[int, Failure | None]


_encoder = msgspec.msgpack.Encoder()
_calls = msgspec.msgpack.Decoder(list[Call | Cancel | Keep])
_batches = msgspec.msgpack.Decoder(Batch)


def packed(message: Call | Cancel | Keep) -> msgspec.Raw:
    """Return one message's bytes, to be sent with others; raises Invalid where a value of the body cannot travel."""
    try:
        return msgspec.Raw(_encoder.encode(message))
    except (OverflowError, UnicodeEncodeError, TypeError) as error:
        raise Invalid(f"the body holds a value that cannot be passed on: {error}") from error


def encode(message: Sequence[msgspec.Raw] | Batch) -> bytes:
    """Return the bytes of a message in either direction."""
    return _encoder.encode(message)


def decode_calls(data: bytes) -> list[Call | Cancel | Keep]:
    """Read what a gateway sent; raises msgspec.DecodeError."""
    return _calls.decode(data)


def decode_batch(data: bytes) -> Batch:
    """Read what a replica sent; raises msgspec.DecodeError."""
    return _batches.decode(data)


def call_of(number: int, request: Request, context: Context, *, now_s: float) -> Call:
    """Pack a request for the wire; *now_s* is on the clock of the context's deadline."""
    return Call(
        number=number,
        request=request,
        request_id=context.request_id,
        branch=context.branch,
        remaining_s=max(0.0, context.deadline_s - now_s),
        now=context.now,
        tenant=context.tenant,
        headers=context.headers,
        path=context.path,
        priority=context.priority,
        standing=context.standing,
        charged=context.charged,
        trace=headers_of(context.span),
    )


def context_of(call: Call, *, now_s: float) -> Context:
    """Unpack a call's context on the receiver's clock."""
    return Context(
        request_id=call.request_id,
        branch=call.branch,
        deadline_s=now_s + call.remaining_s,
        now=call.now,
        tenant=call.tenant,
        headers=call.headers,
        path=call.path,
        priority=call.priority,
        standing=call.standing,
        charged=call.charged,
    )


def failure_of(error: ServingError) -> Failure:
    """Turn an error into the value that crosses the wire."""
    return Failure(code=error.code, message=error.message, param=error.param, retry_after_s=error.retry_after_s)


def error_of(failure: Failure) -> ServingError:
    """Turn a received failure back into its error."""
    return by_code(failure.code)(failure.message, param=failure.param, retry_after_s=failure.retry_after_s)


def bearer(metadata: Any) -> str:
    """Return the key that a caller sent in its gRPC metadata, "" without one."""
    return next((str(value) for name, value in metadata or () if name == KEY), "")


METHOD = "/tercet.Pool/Attach"
KEY = "x-tercet-key"
# Peers are authenticated, bodies are bounded by the gateway, answers by their token limit.
OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
