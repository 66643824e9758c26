"""Where the words of a prompt stand in a wire body, and bodies with other words in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.request import Endpoint, Request

Place = tuple[str | int, ...]

_CONVERSATION: Mapping[Endpoint, str] = {
    "chat": "messages",
    "messages": "messages",
    "count_tokens": "messages",
    "responses": "input",
    "completion": "prompt",
}
_BEFORE: Mapping[Endpoint, str] = {"messages": "system", "count_tokens": "system", "responses": "instructions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One text of a prompt: where it stands in the body, and whose it is (``user``, ``system``, ``tool``, …)."""

    place: Place
    role: str
    text: str


def texts(request: Request) -> list[Said]:
    """Return the texts that a model reads, in the order in which it does; token ids are none."""
    return list(_texts(request))


def with_text(body: Mapping[str, Any], place: Place, text: str) -> dict[str, Any]:
    """Return *body* with *text* at *place*; whatever is not on the way there is shared, nothing is changed."""
    changed: dict[str, Any] = _with(body, place, text)
    return changed


def _texts(request: Request) -> Iterator[Said]:
    field = _CONVERSATION.get(request.endpoint)
    if field is None:
        return
    before = _BEFORE.get(request.endpoint)
    if before is not None:
        yield from _content(request.body.get(before), (before,), "system")
    said = request.body.get(field)
    if field == "messages" or (field == "input" and isinstance(said, list)):
        for at, message in enumerate(said if isinstance(said, list) else ()):
            if isinstance(message, Mapping):
                yield from _content(message.get("content"), (field, at, "content"), str(message.get("role", "")))
        return
    yield from _content(said, (field,), "user")


def _content(content: Any, place: Place, role: str) -> Iterator[Said]:
    if isinstance(content, str):
        yield Said(place=place, role=role, text=content)
    for at, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, str):
            yield Said(place=(*place, at), role=role, text=part)
        elif isinstance(part, Mapping) and isinstance(part.get("text"), str):
            yield Said(place=(*place, at, "text"), role=role, text=part["text"])


def _with(value: Any, place: Place, text: str) -> Any:
    if not place:
        return text
    changed: Any = dict(value) if isinstance(value, Mapping) else list(value)
    changed[place[0]] = _with(value[place[0]], place[1:], text)
    return changed
