"""Read the few fields that nodes look at out of rendered answers, without decoding the rest."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

_DATA = b"data: "
_DONE = b"[DONE]"


class _Content(msgspec.Struct):
    role: str | None = None
    content: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Content | None = None
    message: _Content | None = None
    text: str | None = None
    finish_reason: str | None = None


class WireError(msgspec.Struct):
    """The error object of an answer that failed; ``code`` is the HTTP status that it would have had."""

    message: str = ""
    code: int | str | None = None
    param: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] = []
    error: WireError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What one event or body says: the first choice's text, and what kind of event it is.

    ``closing`` events (usage, the end mark) come after all choices; an ``opening`` one carries a role and no token.
    """

    text: str = ""
    finish_reason: str | None = None
    opening: bool = False
    closing: bool = False
    done: bool = False
    error: WireError | None = None


_decoder = msgspec.json.Decoder(_Answer)


def of_event(event: bytes) -> Fields:
    """Read one server-sent event."""
    payload = event.removeprefix(_DATA).strip()
    if payload == _DONE:
        return Fields(closing=True, done=True)
    return of_body(payload)


def of_body(body: bytes) -> Fields:
    """Read one JSON object, streamed or whole."""
    answer = _decoder.decode(body)
    if answer.error is not None:
        return Fields(error=answer.error)
    choice = next((choice for choice in answer.choices if choice.index == 0), None)
    if choice is None:
        return Fields(closing=not answer.choices)
    content = choice.delta or choice.message
    text = (content.content if content is not None else choice.text) or ""
    opening = choice.delta is not None and choice.delta.role is not None and not text
    return Fields(text=text, finish_reason=choice.finish_reason, opening=opening)
