"""Read what came over the wire: one HTTP response as timed pieces -> when its tokens arrived, and whether it is whole.

Everything is kept while the load runs and read afterwards, so that a check costs no time that is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks.event_stream import Piece, events_in


class _Delta(msgspec.Struct):
    role: str | None = None
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    completion_tokens: int = 0


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer; times are seconds on the generator's clock.

    ``arrivals_s`` are the moments at which tokens came, one for each read from the socket however many tokens it
    held. ``fault`` says why the answer does not count, "" where it is whole.
    """

    sent_s: float
    ended_s: float
    arrivals_s: tuple[float, ...]
    tokens: int
    events: int
    text: str
    fault: str = ""

    @property
    def ttft_s(self) -> float:
        """Return the time from the request's first byte to the first token."""
        return self.arrivals_s[0] - self.sent_s

    @property
    def gaps_s(self) -> list[float]:
        """Return the times between consecutive arrivals of tokens."""
        return [later - earlier for earlier, later in zip(self.arrivals_s, self.arrivals_s[1:], strict=False)]


def read(sent_s: float, pieces: Sequence[Piece], *, tokens: int) -> Answer:
    """Return the answer that *pieces* hold; it must be a whole stream of exactly *tokens* tokens."""
    seen = _Seen()
    try:
        for at_s, data in events_in(pieces):
            seen.take(at_s, data)
        fault = seen.shortfall(tokens)
    except (ValueError, msgspec.DecodeError) as error:
        fault = str(error)
    return Answer(
        sent_s=sent_s,
        ended_s=pieces[-1][0] if pieces else sent_s,
        arrivals_s=tuple(seen.arrivals_s),
        tokens=seen.counted,
        events=seen.events,
        text="".join(seen.texts),
        fault=fault,
    )


@dataclass(slots=True)
class _Seen:
    """What the events of one answer have said so far."""

    arrivals_s: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    events: int = 0
    counted: int = 0
    finish: str | None = None
    done: bool = False

    def take(self, at_s: float, data: bytes) -> None:
        """Take one event; raises ValueError where a sound stream has none."""
        if self.done:
            raise ValueError("an event after [DONE]")
        if data == b"[DONE]":
            self.done = True
            return
        event = msgspec.json.decode(data, type=_Event)
        if event.error is not None:
            raise ValueError(f"an error in the stream: {event.error}")
        self.counted = event.usage.completion_tokens if event.usage else self.counted
        for choice in event.choices[:1]:
            self.finish = choice.finish_reason or self.finish
            if is_token(choice):
                self._token(at_s, choice.delta.content or "")

    def _token(self, at_s: float, text: str) -> None:
        self.events += 1
        self.texts.append(text)
        if not self.arrivals_s or self.arrivals_s[-1] != at_s:
            self.arrivals_s.append(at_s)

    def shortfall(self, tokens: int) -> str:
        """Say what the stream lacks to be a whole answer of so many tokens, "" where it lacks nothing."""
        if not self.done:
            return "no [DONE]"
        if self.finish != "length":
            return f"finish_reason {self.finish!r} instead of 'length'"
        if self.counted != tokens:
            return f"{self.counted} tokens instead of {tokens}"
        # One event more than tokens is sound: the end may come in an event of its own.
        return "" if 0 < self.events <= tokens + 1 else f"{self.events} token events for {tokens} tokens"


def is_token(choice: _Choice) -> bool:
    """Tell a token's event from the one that only opens the answer; a token may have no text, as an ignored end has."""
    return choice.delta.role is None or bool(choice.delta.content) or choice.finish_reason is not None
