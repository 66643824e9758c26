"""Read a decoded body into a struct, or say which of its fields is wrong."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

import msgspec

from deployments.errors import Invalid

MAX_INPUTS = 1024
MAX_TOKENS = 2**31 - 1
_MAX_REASON_CHARS = 300

_AT = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_MISSING = re.compile(r"^Object missing required field `(\w+)`")

Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_TOKENS)]
NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Temperature = Annotated[float, msgspec.Meta(ge=0, le=100)]
TopK = Annotated[int, msgspec.Meta(ge=-1, le=MAX_TOKENS)]
TopP = Annotated[float, msgspec.Meta(gt=0, le=1)]


class Body(msgspec.Struct, kw_only=True):
    """What the gateway checks of a request body; every other field goes to the engine as it came."""

    model: str | None = None

    def check(self) -> None:
        """Raise an Invalid for what the fields' types cannot say."""


class StreamedBody(Body, kw_only=True):
    """A body whose answer can be streamed."""

    stream: bool | None = None


class Part(msgspec.Struct):
    """One part of a message's content; what it needs beside its type is the engine's to check."""

    type: NonEmpty
    text: str | None = None


Kind = TypeVar("Kind", bound=Body)


def checked(body: dict[str, Any], kind: type[Kind]) -> Kind:
    """Return *body* as a *kind*; raises an Invalid whose ``param`` is the field at fault."""
    try:
        read = msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    read.check()
    return read


def wrong(field: str, reason: str) -> Invalid:
    """Return the refusal of *field*."""
    return Invalid(f"{field}: {reason}", param=field)


def _invalid(message: str) -> Invalid:
    """Turn msgspec's ``Expected `int`, got `str` - at `$.n` `` into a message that begins with the field."""
    at = _AT.search(message)
    reason = _AT.sub("", message)[:_MAX_REASON_CHARS]
    field = (at[1] if at else "").replace("[...]", "")
    missing = _MISSING.match(reason)
    if missing:
        field, reason = ".".join(part for part in (field, missing[1]) if part), "is missing"
    return wrong(field, reason) if field else Invalid(reason)
