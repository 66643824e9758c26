"""Refuse structured output that would cost an engine too much, that says nothing, or that goes by an old name.

An engine compiles a constraint on its way to the first token, and follows it between two steps of its whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from deployments.errors import Invalid
from deployments.gateway.patterns import MAX_CHARS
from deployments.gateway.patterns import objection as pattern_objection
from deployments.gateway.schemas import MAX_CHOICES
from deployments.gateway.schemas import objection as schema_objection
from deployments.strict import nearest

MAX_GRAMMAR_REPETITIONS = 256

_FIELD = "structured_outputs"
_KINDS = ("json", "regex", "choice", "grammar", "json_object", "structural_tag")
_OPTIONS = ("disable_any_whitespace", "disable_additional_properties", "whitespace_pattern")
# An engine passes over names that it does not know, and would answer as if nothing had been asked.
_RENAMED = {
    **{f"guided_{kind}": f"{_FIELD}.{kind}" for kind in ("json", "regex", "choice", "grammar")},
    "guided_whitespace_pattern": f"{_FIELD}.whitespace_pattern",
    "functions": "tools",
    "function_call": "tool_choice",
}


def check_constraints(body: Mapping[str, Any]) -> None:
    """Raise an Invalid whose ``param`` is the field of *body* at fault."""
    for old, new in _RENAMED.items():
        if body.get(old) is not None:
            raise _wrong(old, f"is called {new}")
    _check_shape(body.get(_FIELD))
    for field, value, objection in _constraints(body):
        reason = objection(value)
        if reason is not None:
            raise _wrong(field, reason)


def _check_shape(given: Any) -> None:
    if given is None:
        return
    if not isinstance(given, dict):
        raise _wrong(_FIELD, f"is not an object with one of {', '.join(_KINDS)}")
    for key in given:
        if key not in (*_KINDS, *_OPTIONS):
            raise _wrong(f"{_FIELD}.{key[:50]}", f"is not known; {nearest(key[:50], (*_KINDS, *_OPTIONS))}")
    kinds = [kind for kind in _KINDS if given.get(kind) is not None]
    if len(kinds) != 1:
        raise _wrong(_FIELD, f"has {' and '.join(kinds) or 'no constraint'}; give exactly one of {', '.join(_KINDS)}")


def _constraints(body: Mapping[str, Any]) -> Iterator[tuple[str, Any, Callable[[Any], str | None]]]:
    """Yield every constraint of *body* with its field and what is to be asked of it."""
    given = body.get(_FIELD) or {}
    for kind, objection in _OBJECTIONS.items():
        if given.get(kind) is not None:
            yield f"{_FIELD}.{kind}", given[kind], objection
    for path in ("response_format", "text.format", "output_config.format"):
        for inner in ("json_schema.schema", "schema", "structures"):
            schema = _at(body, f"{path}.{inner}")
            if schema is not None:
                yield f"{path}.{inner}", schema, _schema
    tools = body.get("tools")
    for at, tool in enumerate(tools if isinstance(tools, list) else ()):
        for inner in ("function.parameters", "parameters", "input_schema"):
            schema = _at(tool, inner)
            if schema is not None:
                yield f"tools[{at}].{inner}", schema, _schema


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _schema(value: Any) -> str | None:
    if not isinstance(value, str):
        return schema_objection(value)
    if len(value) > 4 * MAX_CHARS:
        return f"is longer than {4 * MAX_CHARS} characters"
    try:
        return schema_objection(msgspec.json.decode(value))
    except (msgspec.DecodeError, RecursionError):
        return "is text that is not JSON"


def _pattern(value: Any) -> str | None:
    return pattern_objection(value) if isinstance(value, str) else "is not text"


def _grammar(value: Any) -> str | None:
    # Of a grammar's rules only some are followed at a time.
    return pattern_objection(value, MAX_GRAMMAR_REPETITIONS) if isinstance(value, str) else "is not text"


def _choice(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return "is not a list of texts"
    if not value:
        return "is empty; give at least one choice"
    if len(value) > MAX_CHOICES:
        return f"has {len(value)} choices; {MAX_CHOICES} is the most"
    return f"is longer than {MAX_CHARS} characters" if sum(map(len, value)) > MAX_CHARS else None


_OBJECTIONS: Mapping[str, Callable[[Any], str | None]] = {
    "json": _schema, "structural_tag": _schema, "regex": _pattern, "grammar": _grammar, "choice": _choice,
}  # fmt: skip


def _wrong(field: str, reason: str) -> Invalid:
    return Invalid(f"{field}: {reason}", param=field)
