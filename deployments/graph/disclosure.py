"""What a node has to say beside an answer: comments in a stream, one more field in a whole body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_COMMENT = b":"
_FIELD = b'"tercet":'


class _Told(msgspec.Struct):
    tercet: dict[str, Any] = {}


_told = msgspec.json.Decoder(_Told)


def comment(told: Mapping[str, Any]) -> bytes:
    """Render a server-sent comment: clients skip it, and whoever reads the stream itself can use it."""
    return b": tercet " + msgspec.json.encode(told) + b"\n\n"


def is_comment(data: bytes) -> bool:
    """Say whether what a frame of a stream carries is a comment."""
    return data.startswith(_COMMENT)


def with_field(body: bytes, told: Mapping[str, Any]) -> bytes:
    """Return a JSON object's bytes with a last field, ``tercet``; the object may have none of that name."""
    start = body.rstrip().removesuffix(b"}").rstrip()
    between = b"" if start.endswith(b"{") else b","
    return start + between + _FIELD + msgspec.json.encode(told) + b"}"


def field_of(body: bytes) -> dict[str, Any]:
    """Return what ``with_field`` added to *body*, nothing where that was nothing."""
    return _told.decode(body).tercet if _FIELD in body else {}
