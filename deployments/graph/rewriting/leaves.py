"""Every text in a JSON value, but for those that machines read: ids, kinds, addresses of files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_MACHINES = frozenset({
    "$defs", "$id", "$ref", "$schema", "audio", "bytes", "call_id", "container_id", "data", "detail", "encoding_format",
    "encrypted_content", "file_data", "file_id", "finish_reason", "format", "id", "image_embeds", "image_url",
    "input_audio", "item_id", "media_type", "mime_type", "model", "name", "object", "pattern", "previous_response_id",
    "role", "service_tier", "signature", "status", "stop_reason", "system_fingerprint", "tercet", "token",
    "tool_call_id", "tool_use_id", "type", "url", "video_url",
})  # fmt: skip
# Texts that are JSON source themselves.
_SOURCES = frozenset({"arguments", "partial_json"})

# Takes a text, and whether it is JSON source.
Change = Callable[[str, bool], str]


def changed(value: Any, change: Change, key: str = "") -> Any:
    """Return *value*, which stands under *key*, with every text changed; what stays as it is is shared."""
    if isinstance(value, str):
        return change(value, key in _SOURCES) if value else value
    if isinstance(value, dict):
        other = {name: one if name in _MACHINES else changed(one, change, name) for name, one in value.items()}
        return value if all(other[name] is value[name] for name in value) else other
    if isinstance(value, list):
        items = [changed(one, change, key) for one in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value
