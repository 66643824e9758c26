"""One answer on its way out with every text rewritten, streamed or whole; bytes without a change pass as they came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from deployments.errors import EngineFailed
from deployments.graph.disclosure import answers
from deployments.graph.rewriting.alike import Learned
from deployments.graph.rewriting.events import END, comment_of, content_of, events_of, read, rendered
from deployments.graph.rewriting.leaves import TooDeep, changed
from deployments.graph.rewriting.repeats import Repeats, Spelt
from deployments.graph.rewriting.spelling import SURFACES, Event, Key, Piece
from deployments.graph.rewriting.writing import Writing, Written
from deployments.request import Endpoint, Frame


def never(data: bytes) -> bool:  # noqa: ARG001
    """Expect something in any bytes."""
    return False


@dataclass(slots=True)
class _Text:
    """One text that the stream spells out, what came and went of it, and the last event that held some of it."""

    written: Written
    spelt: Spelt
    event: bytes
    value: Event


class Rewriting:
    """Rewrites the frames of one answer; each text of it gets a rewriting of its own.

    Bytes that are *untouched* are not even read, where nothing is held back. Where a text is held back at its end, an
    event that adds the rest goes before the one that ends it. A further head begins the answer again while none of it
    has come.
    """

    def __init__(
        self, endpoint: Endpoint, *, stream: bool, writing: Writing, untouched: Callable[[bytes], bool] = never
    ) -> None:
        self._surface = SURFACES.get(endpoint)
        self._stream = stream and self._surface is not None
        self._writing, self._untouched, self._passes = writing, untouched, untouched is not never
        self._texts: dict[Key, _Text] = {}
        self._added = 0
        self._answered = False
        self._said: list[str] = []
        self._repeats = Repeats()
        self._tells_again = self._stream and endpoint == "responses"
        self._alike = Learned()

    def frame(self, frame: Frame) -> Frame:
        """Return *frame* rewritten; raises EngineFailed for what cannot be read."""
        if frame.head is not None and not self._answered:
            self._texts, self._added, self._repeats = {}, 0, Repeats()
        self._answered = self._answered or answers(frame)
        if not frame.data or (self._passes and not self._added and not self._pending and self._untouched(frame.data)):
            return frame
        if not self._stream:
            return self._whole(frame)
        self._said = []
        came = self._alike.read(frame.data, self._texts)
        data = self._events(frame.data) if came is None else self._adding(frame.data, came)
        text = "".join(self._said)
        if data is frame.data and text == frame.text and not frame.ids:
            return frame
        return replace(frame, data=data, text=text, ids=())

    def end(self) -> Frame | None:
        """Return what is still held back when the stream has ended without ending its texts, None where nothing is."""
        self._said = []
        data = self._ended(list(self._texts))
        return Frame(data=data, text="".join(self._said)) if data else None

    @property
    def _pending(self) -> bool:
        return any(text.written.pending for text in self._texts.values())

    def _whole(self, frame: Frame) -> Frame:
        value = read(frame.data)
        body = self._changed(value)
        data = frame.data if body is value else msgspec.json.encode(body)
        told = self._repeats.joined(frame.text)
        return replace(frame, data=data, text=self._rewritten(frame.text, False) if told is None else told, ids=())

    def _changed(self, value: Event) -> Any:
        try:
            return changed(value, self._rewritten)
        except TooDeep as error:
            raise EngineFailed(f"the answer cannot be searched, for it {error}") from None

    def _rewritten(self, text: str, source: bool) -> str:
        written = self._repeats.known(text, source=source) if self._tells_again else None
        if written is None:
            written = self._writing(source=source).whole(text)
            self._repeats.note(text, written, source=source)
        return text if written == text else written

    def _events(self, data: bytes) -> bytes:
        """Rewrite several events; what some that are alike add one behind the other is looked at together."""
        out: list[bytes] = []
        alike: list[bytes] = []
        came: list[str] = []
        for event in events_of(data):
            added = self._alike.read(event, self._texts)
            if added is None:
                if alike:
                    out.append(self._adding(b"".join(alike), "".join(came)))
                    alike, came = [], []
                out.append(self._read(event))
            else:
                alike.append(event)
                came.append(added)
        if alike:
            out.append(self._adding(b"".join(alike), "".join(came)))
        return b"".join(out)

    def _adding(self, events: bytes, came: str) -> bytes:
        """Rewrite events that are alike and add *came* to the one text there is."""
        like = self._alike.known
        text = self._texts[like.key]
        text.event, text.value = like.event, like.value
        written = text.written.feed(came)
        self._say(like.key, written)
        return events if written == came else like.written(written)

    def _read(self, event: bytes) -> bytes:
        content = content_of(event)
        if not content:
            return comment_of(event)
        if content == END:
            return self._ended(list(self._texts)) + event
        value = read(content)
        pieces = list(self._surface.pieces(value)) if self._surface is not None else []
        held = {piece.key for piece in pieces}
        ends = {key: self._ends(value, key) for key in (*self._texts, *held - self._texts.keys())}
        over = [key for key in self._texts if ends[key] and key not in held]
        before = self._ended(over, number=value.get("sequence_number", 0)) if over else b""
        if pieces:
            same = True
            if len(pieces) == 1 and not self._tells_again and not ends[pieces[0].key]:
                self._alike.learn(event, value, pieces[0])
            for piece in pieces:
                same = self._spelled(piece, event, value, last=ends[piece.key]) and same
        else:
            other = self._changed(value)
            same, value = other is value, other
        if "sequence_number" in value:
            number = value["sequence_number"] + self._added
            value, same = {**value, "sequence_number": number}, same and not self._added
        return before + (event if same else rendered(value, event))

    def _ends(self, value: Event, key: Key) -> bool:
        return self._surface is not None and self._surface.ends(value, key)

    def _spelled(self, piece: Piece, event: bytes, value: Event, *, last: bool) -> bool:
        """Rewrite *piece* where it stands; say whether it has stayed the same."""
        text = self._texts.get(piece.key)
        if text is None:
            text = self._texts[piece.key] = _Text(
                self._writing(source=piece.source), Spelt(source=piece.source), event, value
            )
        text.event, text.value = event, value
        came = piece.holder[piece.field]
        written = text.written.feed(came)
        if last:
            written += text.written.end()
            del self._texts[piece.key]
        self._spell_out(text, came, written, last=last)
        piece.holder[piece.field] = written
        self._say(piece.key, written)
        return bool(written == came)

    def _ended(self, keys: list[Key], *, number: int = 0) -> bytes:
        """Return the events that add what is held back of the texts *keys*, which are over; *number* is the first's."""
        events = []
        for key in keys:
            text = self._texts.pop(key)
            rest = text.written.end()
            self._spell_out(text, "", rest, last=True)
            if rest and self._surface is not None:
                value = self._surface.spelled(text.value, key, rest)
                if "sequence_number" in value:
                    value["sequence_number"] = number + self._added
                    self._added += 1
                events.append(rendered(value, text.event))
                self._say(key, rest)
        return b"".join(events)

    def _spell_out(self, text: _Text, came: str, went: str, *, last: bool) -> None:
        if self._tells_again:
            text.spelt.add(came, went)
            if last:
                self._repeats.note(*text.spelt.whole, source=text.spelt.source)

    def _say(self, key: Key, text: str) -> None:
        if self._surface is not None and self._surface.is_answer(key):
            self._said.append(text)
