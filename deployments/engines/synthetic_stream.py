"""One answer of a synthetic engine: steps put tokens in, rendered frames come out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import msgspec

from deployments.engines.outbox import Outbox
from deployments.engines.rendering import Ending, Rendering, Usage
from deployments.engines.synthetic_batch import Sequence
from deployments.engines.synthetic_request import Ask
from deployments.errors import ServingError
from deployments.request import Context, Frame, Head, Request

_WORDS = (
    "time", "way", "day", "man", "world", "life", "hand", "part", "eye", "place", "work", "week", "case", "point",
    "fact", "home", "water", "room", "area", "money", "story", "month", "lot", "right", "study", "book", "job", "word",
    "issue", "side", "kind", "head",
)  # fmt: skip


class Stream:
    """One request inside a synthetic engine; all times are on the engine's monotonic clock, in seconds."""

    def __init__(
        self, ask: Ask, request: Request, context: Context, rendering: Rendering, *, head: Head, now_s: float
    ) -> None:
        self.request_id = context.call_id
        self.sequence = Sequence(prompt_tokens=ask.prompt_tokens, output_tokens=ask.output_tokens)
        self.request, self.ask, self.rendering = request, ask, rendering
        self._named = head
        self._rng = Random(ask.seed)  # noqa: S311 - reproducible words, no secret
        self._accepted_s = self._last_s = now_s
        self._scheduled_s: float | None = None
        self._text = ""
        self._outbox = Outbox()

    @property
    def ending(self) -> Ending | None:
        """Return the whole answer, None while it is not."""
        if not self.sequence.done:
            return None
        usage = Usage(prompt_tokens=self.ask.prompt_tokens, completion_tokens=self.ask.output_tokens)
        return Ending(text=self._text, finish_reason=self.ask.finish_reason, usage=usage)

    def scheduled(self, now_s: float) -> None:
        """Note that the sequence entered the batch."""
        if self._scheduled_s is None:
            self._scheduled_s = now_s

    def emit(self, now_s: float) -> float:
        """Add the next token; return the seconds since the previous one, or since acceptance for the first."""
        gap_s, self._last_s = now_s - self._last_s, now_s
        word = " " + self._rng.choice(_WORDS)
        self._text += word
        head = self._head(now_s) if self.sequence.generated == 1 else None
        ending = self.ending
        if self.request.stream:
            self._outbox.put(self._event(word, head, ending))
        else:
            if head is not None:
                self._outbox.put(Frame(data=b"", head=head))
            if ending is not None:
                self._outbox.put(self._whole(ending))
        if ending is not None:
            self._outbox.end()
        return gap_s

    def fail(self, error: ServingError) -> None:
        """End the stream with *error*, after the tokens that exist."""
        self._outbox.end(error)

    def frames(self) -> AsyncIterator[Frame]:
        """Stream frames until the last token; raises what ``fail`` was given."""
        return self._outbox.frames()

    def _event(self, word: str, head: Head | None, ending: Ending | None) -> Frame:
        opening = self.rendering.opening() if head is not None else b""
        added = self.rendering.delta(word) if ending is None else self.rendering.last(word, ending)
        return Frame(
            data=opening + added,
            text=word,
            tokens=1,
            prompt_tokens=ending.usage.prompt_tokens if ending else None,
            finish_reason=ending.finish_reason if ending else None,
            head=head,
        )

    def _whole(self, ending: Ending) -> Frame:
        return Frame(
            data=self.rendering.whole(ending),
            text=ending.text,
            tokens=ending.usage.completion_tokens,
            prompt_tokens=ending.usage.prompt_tokens,
            finish_reason=ending.finish_reason,
        )

    def _head(self, now_s: float) -> Head:
        scheduled_s = now_s if self._scheduled_s is None else self._scheduled_s
        return msgspec.structs.replace(
            self._named, engine_ttft_s=now_s - self._accepted_s, engine_queue_s=scheduled_s - self._accepted_s
        )
