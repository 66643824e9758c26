"""What was heard of one answer: who gave it, when, how much, and on request what it said."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from deployments.graph.disclosure import answers
from deployments.request import Frame, Head
from deployments.telemetry.records import MOST_TEXT


class Heard:
    """Takes note of an answer's frames; times are on *clock*, in seconds from the making of this.

    ``text`` is None where it was not asked for, or grew larger than a record may be. ``begun`` says that some of the
    answer has come, and ``whole`` that all of it has, whether or not anybody heard the stream out.
    """

    def __init__(self, clock: Callable[[], float], *, text: bool) -> None:
        self._clock, self._began_s = clock, clock()
        self._took_s: float | None = None
        self._wanted = text
        self._forget()

    def _forget(self) -> None:
        self.head: Head | None = None
        self.begun = False
        self.ttft_s: float | None = None
        self.tokens = 0
        self.prompt_tokens: int | None = None
        self.finish_reason: str | None = None
        self._pieces: list[str] = []
        self._chars = 0

    def take(self, frame: Frame) -> None:
        """Take note of *frame*."""
        if frame.head is not None:
            self._answered_by(frame.head)
        self.begun = self.begun or answers(frame)
        self.tokens += frame.tokens
        self.prompt_tokens = self.prompt_tokens if frame.prompt_tokens is None else frame.prompt_tokens
        self.finish_reason = frame.finish_reason or self.finish_reason
        if self._wanted and frame.text and self._chars <= MOST_TEXT:
            self._pieces.append(frame.text)
            self._chars += len(frame.text)

    def _answered_by(self, head: Head) -> None:
        """Take note of a head: a later one is that of a branch which begins anew, or goes on with what has begun."""
        if self.head is None or not self.begun:
            self._forget()
            self.head, self.ttft_s = head, self.elapsed_s
        else:
            self.head = replace(self.head, model=head.model, path=head.path, replica=head.replica)

    def end(self) -> None:
        """Note that the answer has come to its end."""
        self._took_s = self.elapsed_s

    @property
    def whole(self) -> bool:
        """Say whether nothing of the answer can be missing."""
        return self.finish_reason is not None

    @property
    def elapsed_s(self) -> float:
        """Return the seconds until the end, or so far."""
        return self._clock() - self._began_s if self._took_s is None else self._took_s

    @property
    def text(self) -> str | None:
        """Return what was said."""
        return "".join(self._pieces) if self._wanted and self._chars <= MOST_TEXT else None
