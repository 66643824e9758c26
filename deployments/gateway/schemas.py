"""How large a JSON schema is, in what an engine must turn into a grammar before it can answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployments.gateway.patterns import MAX_CHARS
from deployments.gateway.patterns import objection as pattern_objection

MAX_CHOICES = 1_000
MAX_PROPERTIES = 500
MAX_NODES = 5_000


def objection(schema: Any) -> str | None:
    """Say why compiling *schema* would cost too much, None where it would not."""
    choices = properties = nodes = chars = 0
    for node in _objects(schema):
        nodes += 1
        choices += len(node["enum"]) if isinstance(node.get("enum"), list) else 0
        properties += len(node["properties"]) if isinstance(node.get("properties"), dict) else 0
        for pattern in _patterns(node):
            chars += len(pattern)
            if (reason := pattern_objection(pattern)) is not None:
                return f"has a pattern that {reason}"
    for count, most, things in (
        (choices, MAX_CHOICES, "enum values"), (properties, MAX_PROPERTIES, "properties"), (nodes, MAX_NODES, "parts"),
        (chars, MAX_CHARS, "characters in its patterns"),
    ):  # fmt: skip
        if count > most:
            return f"has {count} {things}; {most} is the most"
    return None


def _objects(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every object in *schema*, itself included; the body's depth is bounded before."""
    stack = [schema]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _patterns(node: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node.get("pattern"), str):
        yield node["pattern"]
    if isinstance(node.get("patternProperties"), dict):
        yield from node["patternProperties"]
