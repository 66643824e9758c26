"""Every text in a JSON value, but for those that machines read: ids, kinds, addresses of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

# Keys whose texts machines read, where it is the API that has named the keys.
MACHINES = frozenset({
    "$id", "$ref", "$schema", "audio", "bytes", "call_id", "container_id", "data", "detail", "encoding_format",
    "encrypted_content", "file_data", "file_id", "finish_reason", "format", "id", "image_embeds", "image_url",
    "input_audio", "item_id", "media_type", "mime_type", "model", "name", "object", "previous_response_id",
    "role", "service_tier", "signature", "status", "stop_reason", "system_fingerprint", "tercet", "token",
    "tool_call_id", "tool_use_id", "type", "url", "video_url",
})  # fmt: skip
# Those of whose values nothing is looked at; in the others' there may be texts.
_CLOSED = frozenset({"audio", "bytes", "image_embeds", "input_audio", "tercet"})
_HOLDERS = (dict, list)
# Keys under which people write in some objects.
_SOMETIMES = frozenset({"data", "name"})
# Texts that are JSON source themselves.
_SOURCES = frozenset({"arguments", "json", "partial_json", "structural_tag"})
# Texts in a language of their own, in which not everything can stand: regular expressions, grammars, schemas.
_PATTERNS = frozenset({
    "definition", "grammar", "json", "pattern", "regex", "structural_tag", "whitespace_pattern",
})  # fmt: skip
# Below these, people have named all keys, or those of the next level.
_NAMED_BELOW = frozenset({"chat_template_kwargs", "const", "default", "enum", "example", "examples", "metadata"})
_NAMED = frozenset({
    "$defs", "definitions", "dependentSchemas", "documents", "patternProperties", "properties", "variables",
})  # fmt: skip
# Deeper than anything that means something, and less deep than the interpreter goes.
MOST_DEPTH = 128

# Takes a text, and whether it is JSON source.
Change = Callable[[str, bool], str]


class TooDeep(ValueError):
    """A value that is nested deeper than it can be searched."""


class _Keys(Enum):
    """Who has named the keys of an object: the API, or people those of this one, or those of all below as well."""

    KNOWN = auto()
    NAMED = auto()
    NAMED_BELOW = auto()


def changed(value: Any, change: Change, key: str = "", *, patterns: Change | None = None) -> Any:
    """Return *value*, which stands under *key*, with every text changed; what stays as it is is shared.

    What is a pattern or a grammar is given to *patterns*, to *change* where there is none. Raises TooDeep.
    """
    return _Walk(change, patterns or change).under({}, key, value, _Keys.KNOWN, 0)


@dataclass(frozen=True, slots=True)
class _Walk:
    change: Change
    patterns: Change

    def under(self, holder: Mapping[str, Any], key: str, value: Any, keys: _Keys, depth: int) -> Any:
        """Return the *value* that *holder* has under *key* with its texts changed; *keys* says who has named that."""
        if depth > MOST_DEPTH:
            raise TooDeep(f"is nested deeper than {MOST_DEPTH} levels")
        if keys is not _Keys.KNOWN:
            return self._changed(value, "", _Keys.KNOWN if keys is _Keys.NAMED else keys, depth)
        if key in _CLOSED:
            return value
        told = "" if key in _SOMETIMES and _is_told(holder, key) else key
        if isinstance(value, str):  # as most are that mean anything
            return self._text(value, told) if value else value
        return self._changed(value, told, _below(holder, key), depth) if isinstance(value, _HOLDERS) else value

    def _changed(self, value: Any, key: str, keys: _Keys, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, key) if value else value
        if isinstance(value, dict):
            other, same = {}, True
            for name, one in value.items():
                other[name] = new = self.under(value, name, one, keys, depth + 1)
                same = same and new is one
            return value if same else other
        if isinstance(value, list):
            if depth > MOST_DEPTH:
                raise TooDeep(f"is nested deeper than {MOST_DEPTH} levels")
            items, same = [], True
            for one in value:
                items.append(new := self._changed(one, key, keys, depth + 1))
                same = same and new is one
            return value if same else items
        return value

    def _text(self, text: str, key: str) -> str:
        if key in MACHINES:
            return text
        return (self.patterns if key in _PATTERNS else self.change)(text, key in _SOURCES)


def _is_told(holder: Mapping[str, Any], key: str) -> bool:
    """Say whether people write under a key that elsewhere machines read: who speaks, and a document's text."""
    return (key == "name" and "role" in holder) or (key == "data" and holder.get("type") == "text")


def _below(holder: Mapping[str, Any], key: str) -> _Keys:
    if key in _NAMED_BELOW or (key == "input" and str(holder.get("type", "")).endswith("tool_use")):
        return _Keys.NAMED_BELOW
    return _Keys.NAMED if key in _NAMED else _Keys.KNOWN
