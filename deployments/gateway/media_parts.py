"""Find the parts of a body that are not text, on whichever surface it came.

The surfaces name the same things differently and nest them differently (a tool's result may hold an image), so
content is walked by shape and not by endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deployments.media import Modality

Kind = Modality | Literal["tensor", "document"]

# The fields of a body that hold content. Others hold JSON of the client's own, such as the schemas of tools.
_CONTENT = (
    "messages", "input", "previous_input_messages", "system", "query", "queries", "documents", "items",
    "data_1", "data_2", "text_1", "text_2",
)  # fmt: skip
# Within content, a tool's arguments are the client's own too.
_OWN = frozenset({"tool_calls", "function_call", "arguments"})

_BY_TYPE: Mapping[str, Kind] = {
    "image": "image", "input_image": "image",
    "audio": "audio",
    "video": "video", "input_video": "video",
    "file": "document", "input_file": "document", "document": "document",
}  # fmt: skip
_BY_KEY: Mapping[str, Kind] = {
    "image_url": "image", "input_audio": "audio", "audio_url": "audio", "video_url": "video",
    "image_pil": "tensor", "image_embeds": "tensor", "audio_embeds": "tensor", "video_embeds": "tensor",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPart:
    """One part: its ``field`` as a path into the body, and the addresses that it wants read.

    ``named`` says that it has a name of the client's own, by which an engine would know it again.
    """

    field: str
    kind: Kind
    urls: tuple[str, ...] = ()
    named: bool = False


def media_parts(body: Mapping[str, Any]) -> Iterator[MediaPart]:
    """Yield every part that is not text, in the body's order."""
    for name in _CONTENT:
        if isinstance(body.get(name), list | dict):
            yield from _below(body[name], name)


def _below(value: list[Any] | dict[str, Any], field: str) -> Iterator[MediaPart]:
    if isinstance(value, dict):
        part = _part(value, field)
        if part is not None:
            yield part
            return
        inner = [(f"{field}.{key}", child) for key, child in value.items() if not _is_own(key, value)]
    else:
        inner = [(f"{field}[{at}]", child) for at, child in enumerate(value) if isinstance(child, list | dict)]
    for place, child in inner:
        if isinstance(child, list | dict):
            yield from _below(child, place)


def _is_own(key: str, value: Mapping[str, Any]) -> bool:
    return key in _OWN or (key == "input" and value.get("type") == "tool_use")


def _part(value: Mapping[str, Any], field: str) -> MediaPart | None:
    """Read *value* as a part that is not text: by a key that it has, as vLLM does, or else by its type.

    A part with a name needs no content; whatever is at its key, even null, makes it one.
    """
    kind = value.get("type") if isinstance(value.get("type"), str) else ""
    named = value.get("uuid") is not None
    keys = [key for key in _BY_KEY if value.get(key) is not None or (named and key in value)]
    if keys or kind in _BY_KEY:
        key = str(kind) if kind in _BY_KEY else keys[0]
        place = f"{field}.{key}" if key in value else field
        return MediaPart(field=place, kind=_BY_KEY[key], urls=_urls(value), named=named)
    if kind in _BY_TYPE:
        return MediaPart(field=field, kind=_BY_TYPE[str(kind)], urls=_urls(value), named=named)
    return None


def _urls(part: Mapping[str, Any]) -> tuple[str, ...]:
    """Return all addresses in a part; each is the value of its key or in an object there."""
    values = (part.get(key) for key in (*_BY_KEY, "source"))
    addresses = (value.get("url") if isinstance(value, dict) else value for value in values)
    return tuple(address for address in addresses if isinstance(address, str))
