"""Does an answer meet the JSON schema that its request asks for? By jsonschema, in bounded time.

Client and model together choose schema and answer, so the work of judging is bounded, references lead from the schema's
own root, and regular expressions are left to the engine, which follows them while it generates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from deployments.request import Request

# In simple rules, of which each takes about 10 microseconds.
MAX_WORK = 20_000
MAX_CHARS = 200_000

_PLACES = (
    ("response_format", "json_schema", "schema"),
    ("structured_outputs", "json"),
    ("text", "format", "schema"),
    ("output_config", "format", "schema"),
)
_UNCHECKED = (
    "pattern", "patternProperties", "format", "unevaluatedProperties", "unevaluatedItems", "uniqueItems", "$dynamicRef",
)  # fmt: skip
# Comparing or showing so many values, or so many characters of a text, takes as long as a value, or as a simple rule.
_VALUES_PER_RULE, _CHARS_PER_VALUE = 20, 50
# To look for the parts of a schema takes so many times as long as to read it.
_CRAWLED = 10
_OBJECT: Mapping[str, Any] = {"type": "object"}

Rule = Callable[[Any, Any, Any, Any], Any]


class _TooCostlyError(Exception):
    """More work than an answer is worth."""


class _Work:
    """What judging one answer may still cost."""

    def __init__(self) -> None:
        self._left = MAX_WORK

    def spend(self, rules: int = 1) -> None:
        """Account for as much work as *rules* simple rules; raises where it is too much."""
        self._left -= rules
        if self._left < 0:
            raise _TooCostlyError


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
    from jsonschema.validators import create  # noqa: PLC0415 - see _draft

    draft, rules, registry, specification = _draft()
    work = _Work()
    bounded = create(
        draft.META_SCHEMA, {name: _counted(name, rule, work) for name, rule in rules.items()}, id_of=draft.ID_OF
    )
    evolve = bounded.evolve

    def within(validator: Any, **changes: Any) -> Any:
        work.spend()
        part = changes.get("schema")
        if isinstance(part, Mapping) and "$schema" in part:  # names a draft whose rules are not counted
            changes["schema"] = {name: rule for name, rule in part.items() if name != "$schema"}
        return evolve(validator, **changes)

    bounded.evolve = within
    work.spend(_CRAWLED * _rules_worth(schema))
    root = specification.create_resource(schema)
    # What has been crawled before is not crawled again at each reference.
    known = registry.with_resource(root.id() or "", root).crawl()
    for error in bounded(schema, registry=known).iter_errors(value):
        yield str(error.validator)


def _counted(name: str, rule: Rule, work: _Work) -> Rule:
    """Return *rule* with its cost: that of what it reads, and again for each error, which shows the instance."""

    def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if name == "$ref" and value != "#" and not value.startswith("#/"):
            raise _TooCostlyError  # an anchor is looked for in the whole schema
        shown = _rules_worth(instance)
        work.spend(1 + _rules_worth(value) + shown)
        for error in rule(validator, value, instance, schema) or ():
            work.spend(1 + shown)
            yield error

    return apply


def _rules_worth(value: Any) -> int:
    """Return how many simple rules reading all of *value* is worth, or more than there may be."""
    values, stack = 0, [value]
    while stack and values <= _VALUES_PER_RULE * MAX_WORK:
        one = stack.pop()
        values += 1
        if isinstance(one, Mapping):
            values += sum(1 + len(name) // _CHARS_PER_VALUE for name in one)
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, str):
            values += len(one) // _CHARS_PER_VALUE
    return values // _VALUES_PER_RULE


@cache
def _draft() -> tuple[Any, Mapping[str, Rule], Any, Any]:
    """Return the newest draft, the rules of it that are applied, a registry that fetches nothing, and how it is read.

    Imported when the first answer is judged: most gateways never need it.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    rules = {name: rule for name, rule in Draft202012Validator.VALIDATORS.items() if name not in _UNCHECKED}
    plain = rules["additionalProperties"]

    def additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
        return None if "patternProperties" in schema else plain(validator, allowed, instance, schema)

    return Draft202012Validator, {**rules, "additionalProperties": additional}, Registry(), DRAFT202012


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        body = body.get(key) if isinstance(body, Mapping) else None
    return body


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
