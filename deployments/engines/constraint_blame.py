"""Tell a client whose constraint could not be compiled or followed that it was the constraint, by its field.

vLLM names no field where it cannot compile one. Where it cannot follow one it says that an internal error occurred, as
it does of nothing else that it survives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deployments.errors import EngineFailed, Invalid, ServingError
from deployments.request import Request

_KINDS = ("json", "regex", "choice", "grammar", "structural_tag")
_BROKE_OFF = "Internal server error"
_PLACE_IN_SOURCE = re.compile(r"\[\d\d:\d\d:\d\d\] \S+:\d+: ")
_UNCOMPILED = re.compile(r"grammar|regex|schema|structural tag", re.IGNORECASE)


def blamed(error: ServingError, request: Request) -> ServingError:
    """Return *error*, or the refusal of the constraint of *request* where that is what went wrong."""
    field = constraint_of(request.body)
    if field is None:
        return error
    if isinstance(error, EngineFailed) and error.message.endswith(_BROKE_OFF):
        reason = "could not be followed: it allows no answer, or following it takes too long; simplify it"
        return Invalid(f"{field}: {reason}", param=field)
    if isinstance(error, Invalid) and error.param is None and _UNCOMPILED.search(error.message):
        reason = _PLACE_IN_SOURCE.sub("", error.message).removeprefix(field).strip()
        return Invalid(f"{field}: {reason}", param=field)
    return error


def constraint_of(body: Mapping[str, Any]) -> str | None:
    """Return the field of *body* that constrains its answer."""
    given = body.get("structured_outputs")
    if given:
        return next((f"structured_outputs.{kind}" for kind in _KINDS if _inner(given, kind)), "structured_outputs")
    if _kind(body.get("response_format")) not in (None, "text"):
        return "response_format"
    if _kind(_inner(body.get("text"), "format")) not in (None, "text"):
        return "text.format"
    return "tools" if body.get("tools") else None


def _kind(value: Any) -> Any:
    return _inner(value, "type")


def _inner(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
