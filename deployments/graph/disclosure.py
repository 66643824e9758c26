"""What a node has to say beside an answer: comments in a stream, one more field in a whole body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from deployments.request import Frame

_COMMENT = b":"
_FIELD = b'"tercet":'


class _Told(msgspec.Struct):
    tercet: dict[str, Any] = {}


_told = msgspec.json.Decoder(_Told)


def comment(told: Mapping[str, Any]) -> bytes:
    """Render a server-sent comment: clients skip it, and whoever reads the stream itself can use it."""
    return b": tercet " + msgspec.json.encode(told) + b"\n\n"


def comments_in(data: bytes) -> bytes:
    """Return the comments of what a frame of a stream carries, which may hold events beside them."""
    return b"".join(line + b"\n\n" for line in data.splitlines() if line.startswith(_COMMENT))


def answers(frame: Frame) -> bool:
    """Say whether a frame holds a part of an answer: without data, or as a comment alone, it commits to nothing."""
    return bool(frame.data and (frame.text or frame.tokens or frame.finish_reason))


def with_field(body: bytes, told: Mapping[str, Any]) -> bytes:
    """Return a JSON object's bytes with a last field, ``tercet``; the object may have none of that name."""
    start = body.rstrip().removesuffix(b"}").rstrip()
    between = b"" if start.endswith(b"{") else b","
    return start + between + _FIELD + msgspec.json.encode(told) + b"}"


def field_of(body: bytes) -> dict[str, Any]:
    """Return what ``with_field`` added to *body*, nothing where that was nothing."""
    return _told.decode(body).tercet if _FIELD in body else {}
