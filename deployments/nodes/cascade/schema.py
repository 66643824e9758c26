"""Does an answer meet the JSON schema that its request asks for? By jsonschema, in bounded time.

Client and model together choose schema and answer, so the number of rules applied is bounded, references lead nowhere
outside, and regular expressions are left to the engine, which follows them while it generates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import count
from typing import Any

import msgspec

from deployments.request import Request

MAX_RULES = 10_000
MAX_CHARS = 200_000

_PLACES = (
    ("response_format", "json_schema", "schema"),
    ("structured_outputs", "json"),
    ("text", "format", "schema"),
    ("output_config", "format", "schema"),
)
_UNCHECKED = ("pattern", "patternProperties", "format", "unevaluatedProperties", "unevaluatedItems", "uniqueItems")
_OBJECT: Mapping[str, Any] = {"type": "object"}

Rule = Callable[[Any, Any, Any, Any], Any]


class _TooCostlyError(Exception):
    """More rules than an answer is worth."""


def schema_of(request: Request) -> Mapping[str, Any] | None:
    """Return the JSON schema that the answer is to meet, None where the request names none."""
    for path in _PLACES:
        found = _at(request.body, path)
        if isinstance(found, str):
            found = _decoded(found)
        if isinstance(found, Mapping):
            return found
    any_object = _at(request.body, ("response_format", "type")) == "json_object"
    return _OBJECT if any_object or _at(request.body, ("structured_outputs", "json_object")) else None


def objection(schema: Mapping[str, Any], text: str) -> str | None:
    """Say which rule of *schema* the JSON *text* breaks first, None where it breaks none.

    A schema that cannot be applied, or only at too great a cost, has no objection: whether it makes sense is the
    engine's to say.
    """
    if len(text) > MAX_CHARS:
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return "not JSON"
    try:
        broken = next(_errors(schema, value), None)
    except Exception:  # noqa: BLE001 - a schema from a client may break its reader in any way
        return None
    return None if broken is None else f"breaks the schema's {broken}"


def _errors(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Yield the keyword of every rule that *value* breaks."""
    draft, rules, registry = _draft()
    used = count(1)

    def counted(rule: Rule) -> Rule:
        def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if next(used) > MAX_RULES:
                raise _TooCostlyError
            yield from rule(validator, value, instance, schema) or ()

        return apply

    from jsonschema.validators import create  # noqa: PLC0415 - see _draft

    bounded = create(draft.META_SCHEMA, {name: counted(rule) for name, rule in rules.items()}, id_of=draft.ID_OF)
    for error in bounded(schema, registry=registry).iter_errors(value):
        yield str(error.validator)


@cache
def _draft() -> tuple[Any, Mapping[str, Rule], Any]:
    """Return the newest draft, the rules of it that are applied, and a registry that fetches nothing.

    Imported when the first answer is judged: most gateways never need it.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    rules = {name: rule for name, rule in Draft202012Validator.VALIDATORS.items() if name not in _UNCHECKED}
    plain = rules["additionalProperties"]

    def additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
        return None if "patternProperties" in schema else plain(validator, allowed, instance, schema)

    return Draft202012Validator, {**rules, "additionalProperties": additional}, Registry()


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        body = body.get(key) if isinstance(body, Mapping) else None
    return body


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
