"""Events of a stream that differ from one before by nothing but one text: that is read and written, and no more.

Most of the events of a stream are of that kind, a token each. Where all bytes around a text are those of an event that
has been read, the event means what that one meant, with another text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from deployments.graph.rewriting.events import content_of, is_one, rendered
from deployments.graph.rewriting.spelling import Event, Key, Piece

# Stands for the text while it is looked for; an event that holds it already is read as any other.
_ANY = "\x00any text\x00"
_ANY_WRITTEN = msgspec.json.encode(_ANY)
# The letters of a short text may stand elsewhere as well.
_PLACES = 4
# An answer whose events are never alike is not looked at for it at each of them.
_TRIED = 8
# Bytes; learning takes longer the longer an event is, and comes before the first token.
_LONGEST = 4096
_text = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class Alike:
    """Events like *event*, which says *value*, but for what they add to the text *key*.

    *before* and *behind* are the bytes around that as they come, *opening* and *closing* as they are rendered; the
    quotation marks are in the first two.
    """

    key: Key
    event: bytes
    value: Event
    before: bytes
    behind: bytes
    opening: bytes
    closing: bytes

    def read(self, event: bytes) -> str | None:
        """Return what *event* adds to the text; None where it is not alike, or cannot be read."""
        if not (event.startswith(self.before) and event.endswith(self.behind)):
            return None
        try:
            return _text.decode(event[len(self.before) - 1 : len(event) - len(self.behind) + 1])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def written(self, text: str) -> bytes:
        """Render the event that adds *text*, as ``rendered`` does."""
        return self.opening + msgspec.json.encode(text) + self.closing


class Learned:
    """What the events of one answer are alike in, learned from those that are read; ``known`` is the latest.

    Only an event that adds to a text and does no more is learned from: none that ends one or has a number.
    """

    known: Alike

    def __init__(self) -> None:
        self._any, self._tried = False, 0

    def read(self, event: bytes, texts: Mapping[Key, object]) -> str | None:
        """Return what *event* adds to the only one of *texts*; None where it has to be read as a whole."""
        return self.known.read(event) if self._any and len(texts) == 1 and self.known.key in texts else None

    def learn(self, event: bytes, value: Event, piece: Piece) -> None:
        """Take note of an event, which says *value*, unless too many were noted that none was like."""
        if (
            self._tried < _TRIED
            and "sequence_number" not in value
            and (known := alike(event, value, piece)) is not None
        ):
            self.known, self._any = known, True
        self._tried += 1


def alike(event: bytes, value: Event, piece: Piece) -> Alike | None:
    """Return what is like *event*, which says *value* and holds no text but *piece*; None where that is not certain."""
    said = piece.holder[piece.field]
    if not said or len(event) > _LONGEST or not is_one(event) or _tells_of_each(value):
        return None
    piece.holder[piece.field] = _ANY
    try:
        around = _around(event, value, msgspec.json.encode(said))
        others = rendered(value, event).split(_ANY_WRITTEN) if around else []
    except (msgspec.MsgspecError, RecursionError):
        return None
    finally:
        piece.holder[piece.field] = said
    if around is None or len(others) != len(around):
        return None
    before, behind = around
    opening, closing = others
    return Alike(piece.key, event, value, before + b'"', b'"' + behind, opening, closing)


def _tells_of_each(value: Event) -> bool:
    """Say whether *value* tells of its tokens one by one: several that are alike could not be one."""
    choices = value.get("choices")
    return isinstance(choices, list) and any(one.get("logprobs") for one in choices if isinstance(one, dict))


def _around(event: bytes, value: Event, said: bytes) -> tuple[bytes, bytes] | None:
    """Return the bytes around the text *said* by which, with another text between them, *value* is said."""
    at = -1
    for _ in range(_PLACES):
        at = event.find(said, at + 1)
        if at < 0:
            return None
        before, behind = event[:at], event[at + len(said) :]
        if _says(before + _ANY_WRITTEN + behind, value):
            return before, behind
    return None


def _says(event: bytes, value: Any) -> bool:
    try:
        return bool(msgspec.json.decode(content_of(event)) == value)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
