"""What an engine without a serving layer of its own needs to write an answer, whatever the surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one request."""

    prompt_tokens: int
    completion_tokens: int

    def as_wire(self) -> dict[str, int]:
        """Return the ``usage`` object of OpenAI's older endpoints."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "completion_tokens": self.completion_tokens,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A finished answer: all of its text, ``stop`` or ``length``, and what it took."""

    text: str
    finish_reason: str
    usage: Usage


class Rendering(Protocol):
    """Writes one answer, streamed or whole; the methods of a stream are called in this order."""

    def opening(self) -> bytes:
        """Render what comes before the first token."""
        ...

    def delta(self, text: str) -> bytes:
        """Render the event that adds *text*."""
        ...

    def last(self, text: str, ending: Ending) -> bytes:
        """Render the event that adds the last piece of text, and all that follows it."""
        ...

    def whole(self, ending: Ending) -> bytes:
        """Render the JSON body of an answer that is not streamed."""
        ...
