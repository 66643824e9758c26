"""What is wrong with a config, one line each: where, the rule, and the value that breaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from cluster.config import known_keys
from deployments.strict import nearest

Loc = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z0-9_.\-]+", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 60

# Every text follows the value: "0 is less than 1".
_RULES: Mapping[str, str] = {
    "greater_than_equal": "is less than {ge}",
    "greater_than": "is not greater than {gt}",
    "less_than_equal": "is greater than {le}",
    "less_than": "is not less than {lt}",
    "finite_number": "is not a finite number",
    "literal_error": "is not one of {expected}",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "is not a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "is not a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "is not true or false"),
    **dict.fromkeys(("string_type", "string_sub_type"), "is not text"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "is not a mapping"),
    **dict.fromkeys(("list_type", "tuple_type"), "is not a list"),
    **dict.fromkeys(("too_short", "string_too_short"), "is empty"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend; ``path`` leads to it from the document's top, ``message`` says rule and value."""

    path: str
    message: str
    value: Any = None

    def __str__(self) -> str:
        line = f"{self.path}: {self.message}" if self.path else self.message
        return printable(line)


def printable(text: str) -> str:
    """Return *text* of a document on one line; an escape sequence in it must not reach a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def path_of(loc: Iterable[str | int]) -> str:
    """Write a location as people point at it: ``graph.auto.switch[0].to``."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


def half_character(text: str) -> str | None:
    """Say what is wrong with *text* that cannot be written as UTF-8, None where it can."""
    half = _SURROGATE.search(text)
    return half and f"holds \\u{ord(half[0]):04x}, which is half a character; write the character itself"


def shown(value: Any) -> str:
    """Write a value on one short line."""
    if isinstance(value, float):
        return f"{value:g}"
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def problem_of(line: ErrorDetails) -> Problem:
    """Return one complaint of the schema in our words."""
    loc, value = line["loc"], line["input"]
    if line["type"] == "missing":
        return Problem(path=path_of(loc), message="is required")
    if line["type"] == "extra_forbidden":
        message = f"is not a known key; {nearest(str(loc[-1]), known_keys(loc[:-1]))}"
        return Problem(path=path_of(loc), message=message, value=value)
    if line["type"] == "string_unicode" and isinstance(value, str) and (half := half_character(value)) is not None:
        return Problem(path=path_of(loc), message=half, value=value)
    if line["type"] == "invalid_key" or (loc and loc[-1] == "[key]"):
        above = loc[:-1] if line["type"] == "invalid_key" else loc[:-2]
        return Problem(path=path_of(above), message=f"the key {shown(value)} is not text; quote it", value=value)
    return Problem(path=path_of(loc), message=_message(line, value), value=value)


def _message(line: ErrorDetails, value: Any) -> str:
    rule = _RULES.get(line["type"])
    context = line.get("ctx", {})
    told = (
        rule.format(**{name: _number(limit) for name, limit in context.items()})
        if rule
        else str(context.get("error") or context.get("message") or line["msg"])
    )
    if line["type"] in {"unknown_kind", "unknown_key"} or not told.startswith(("is ", "has ")):
        return told
    return f"{shown(value)} {told}"


def _number(limit: Any) -> Any:
    return f"{limit:g}" if isinstance(limit, float) else limit
