"""An answer on its way to the client, taken down as far as it may be kept."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from deployments.engines.outbox import merged
from deployments.errors import Declined
from deployments.graph.disclosure import answers
from deployments.nodes.admission.kind import QUEUED
from deployments.request import Endpoint, Frame, Head

_WRITTEN = frozenset({"chat", "completion", "messages", "responses"})
_WHOLE = frozenset({"stop", "length", "tool_calls", "function_call"})
# Nodes that note what happened to one call, and that would not be true of another.
_OF_ONE_CALL = frozenset({QUEUED, "coalesced", "batched", "hedge", "cache", "cache-nearness"})
_STOOD_IN = "brown-out"
_FRAME_BYTES = 256
# An answer is given in pieces of about this size: what is there already need not come token by token.
_PIECE_BYTES = 32 * 1024


class _Wrong(msgspec.Struct):
    error: msgspec.Raw = msgspec.Raw()


_wrong = msgspec.json.Decoder(_Wrong)


class Heard:
    """Takes down one answer until it is larger than *most_bytes*; then only ``large`` is left of it.

    The first *above* steps of its path are of nodes that lead here.
    """

    def __init__(self, most_bytes: int, above: int) -> None:
        self._most_bytes, self._above = most_bytes, above
        self._bytes = 0
        self._frames: list[Frame] = []
        self._begun = self._restarted = False
        self._finish: str | None = None
        self.head: Head | None = None
        self.arms: list[tuple[str, str]] = []

    @property
    def large(self) -> bool:
        """Say whether there is too much of it."""
        return self._bytes > self._most_bytes

    def take(self, frame: Frame) -> None:
        """Take down *frame*."""
        if frame.head is not None:
            self._answered_by(frame.head)
            frame = msgspec.structs.replace(frame, head=None)
        self._begun = self._begun or answers(frame)
        self._finish = frame.finish_reason or self._finish
        self._bytes += len(frame.data) + len(frame.text) + _FRAME_BYTES
        if self.large:
            self._frames.clear()
        else:
            self._frames.append(frame)

    def _answered_by(self, head: Head) -> None:
        """Take note of a head: one that comes before any answer takes the place of a branch that was given up."""
        self._restarted = self._restarted or self._begun
        if not self._begun:
            self._frames, self._bytes = [], 0
        self.head = head

    def unfit(self, endpoint: Endpoint) -> str | None:
        """Say why the answer, whose stream has come to its end, is not to be kept; None where it is.

        Nothing is kept that came of a failure: no error, nothing that broke off or was cut, and no answer that
        somebody gave in the place of a target that failed or was short of capacity.
        """
        if self.head is None or self.large or not any(frame.data for frame in self._frames):
            return "large or nothing"
        if self._restarted or _STOOD_IN in self.head.notes or any(map(_failed, self.head.path[self._above :])):
            return "another's"
        if endpoint in _WRITTEN:
            return None if self._finish in _WHOLE else "unfinished"
        return None if _sound(b"".join(frame.data for frame in self._frames)) else "unsound"

    def told(self) -> Head:
        """Return the head as it will be told again."""
        assert self.head is not None  # noqa: S101 - unfit otherwise
        notes = {name: text for name, text in self.head.notes.items() if name not in _OF_ONE_CALL}
        return Head(model=self.head.model, path=self.head.path[self._above :], replica=self.head.replica, notes=notes)

    def pieces(self) -> Iterator[Frame]:
        """Yield the answer in few frames, with the same events in the same order."""
        piece: list[Frame] = []
        size = 0
        for frame in self._frames:
            if not (frame.data or frame.tokens or frame.finish_reason):
                continue
            piece.append(frame)
            size += len(frame.data)
            if size >= _PIECE_BYTES:
                yield merged(piece)
                piece, size = [], 0
        if piece:
            yield merged(piece)


def _failed(step: str) -> bool:
    _, failed, code = step.partition("!")
    return bool(failed) and code != Declined.code


def _sound(body: bytes) -> bool:
    try:
        return bytes(_wrong.decode(body).error) in (b"", b"null")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
