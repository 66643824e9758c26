"""What was heard of one answer: who gave it, when, how much, and on request what it said."""

from __future__ import annotations

from collections.abc import Callable

from deployments.request import Frame, Head
from deployments.telemetry.records import MOST_TEXT


class Heard:
    """Takes note of an answer's frames; times are on *clock*, in seconds from the making of this.

    ``text`` is None where it was not asked for, or grew larger than a record may be.
    """

    def __init__(self, clock: Callable[[], float], *, text: bool) -> None:
        self._clock, self._began_s = clock, clock()
        self._took_s: float | None = None
        self._wanted = text
        self._forget()

    def _forget(self) -> None:
        self.head: Head | None = None
        self.ttft_s: float | None = None
        self.tokens = 0
        self.prompt_tokens: int | None = None
        self.finish_reason: str | None = None
        self._pieces: list[str] = []
        self._chars = 0

    def take(self, frame: Frame) -> None:
        """Take note of *frame*; another head means that what came before was given up."""
        if frame.head is not None:
            self._forget()
            self.head, self.ttft_s = frame.head, self.elapsed_s
        self.tokens += frame.tokens
        self.prompt_tokens = self.prompt_tokens if frame.prompt_tokens is None else frame.prompt_tokens
        self.finish_reason = frame.finish_reason or self.finish_reason
        if self._wanted and frame.text and self._chars <= MOST_TEXT:
            self._pieces.append(frame.text)
            self._chars += len(frame.text)

    def end(self) -> None:
        """Note that the answer has come to its end."""
        self._took_s = self.elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Return the seconds until the end, or so far."""
        return self._clock() - self._began_s if self._took_s is None else self._took_s

    @property
    def text(self) -> str | None:
        """Return what was said."""
        return "".join(self._pieces) if self._wanted and self._chars <= MOST_TEXT else None
