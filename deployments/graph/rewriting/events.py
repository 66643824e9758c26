"""The server-sent events of one frame, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from deployments.errors import EngineFailed
from deployments.remote.events import Events, payload

END = b"[DONE]"
_WITHOUT_DATA = (b":", b"event:", b"id:", b"retry:")


def is_one(data: bytes) -> bool:
    """Say whether *data* is a single event or comment with one blank line, at its end."""
    return data.find(b"\n\n") == len(data) - 2 and b"\r" not in data


def events_of(data: bytes) -> Iterator[bytes]:
    """Yield the events and comments of a frame, each with the blank line behind it."""
    if is_one(data):  # as most often
        yield data
        return
    reader = Events()
    yield from reader.feed(data)
    if reader.rest:
        yield reader.rest


def read(content: bytes) -> dict[str, Any]:
    """Return the object in an event's data or in a whole body; raises EngineFailed where there is none."""
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise EngineFailed(f"the answer cannot be searched, for it holds what is no JSON: {str(error)[:100]}") from None
    if not isinstance(value, dict):
        raise EngineFailed("the answer cannot be searched, for it holds what is no JSON object")
    return value


def comment_of(event: bytes) -> bytes:
    """Return an event without data; raises EngineFailed where it holds anything that is no comment."""
    if all(not line or line.startswith(_WITHOUT_DATA) for line in event.splitlines()):
        return event
    raise EngineFailed("the answer cannot be searched, for it holds what is no event")


def content_of(event: bytes) -> bytes:
    """Return an event's data, empty where it is a comment."""
    return payload(event)


def rendered(value: dict[str, Any], event: bytes) -> bytes:
    """Render *value* as an event like *event*: with a name where that has one."""
    named = event.startswith(b"event:") or b"\nevent:" in event
    name = b"event: " + str(value.get("type", "")).encode() + b"\n" if named else b""
    return name + b"data: " + msgspec.json.encode(value) + b"\n\n"
