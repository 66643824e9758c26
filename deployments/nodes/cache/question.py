"""What a request asks last, apart from all else that its answer depends on."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deployments.request import Endpoint, Request

_CONVERSATIONS: Mapping[Endpoint, str] = {"chat": "messages", "messages": "messages", "responses": "input"}
_PROMPTS: Mapping[Endpoint, str] = {"completion": "prompt", "responses": "input"}
_TEXT = ("text", "input_text")
# A text that is so much longer, for its spaces alone, is not worth the time.
_BEFORE_FOLDING = 4


def question_of(request: Request, longest: int) -> tuple[str, Request] | None:
    """Return the client's last turn and *request* without it; None where that is not one text, or a longer one."""
    found = _last_turn(request)
    if found is None or len(found[0]) > _BEFORE_FOLDING * longest:
        return None
    text = canonical(found[0])
    return (text, found[1]) if 0 < len(text) <= longest else None


def _last_turn(request: Request) -> tuple[str, Request] | None:
    field = _PROMPTS.get(request.endpoint, "")
    if isinstance(said := request.body.get(field), str):
        return said, _with(request, field, None)
    field = _CONVERSATIONS.get(request.endpoint, "")
    turns = request.body.get(field)
    if not isinstance(turns, list) or not turns or not isinstance(last := turns[-1], Mapping):
        return None
    text = _text(last.get("content")) if last.get("role") == "user" else None
    if text is None:
        return None
    return text, _with(request, field, [*turns[:-1], {**last, "content": None}])


def canonical(text: str) -> str:
    """Return *text* in one of the ways in which Unicode lets it be written, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _with(request: Request, field: str, value: Any) -> Request:
    # What is None is left out of a key, and there is a place for what is asked in any case.
    return replace(request, body={**request.body, field: [None] if value is None else value})


def _text(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if not (isinstance(content, list) and len(content) == 1 and isinstance(content[0], Mapping)):
        return None
    part = content[0]
    alone = part.keys() == {"type", "text"} and part["type"] in _TEXT
    return part["text"] if alone and isinstance(part["text"], str) else None
