"""One answer of a synthetic engine: steps put tokens in, rendered frames come out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

from deployments.engines.openai_wire import DONE, Answer, Usage
from deployments.engines.outbox import Outbox
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
        self, ask: Ask, request: Request, context: Context, *, model: str, replica: str, now_s: float, created: int
    ) -> None:
        self.request_id = context.request_id
        self.sequence = Sequence(prompt_tokens=ask.prompt_tokens, output_tokens=ask.output_tokens)
        self._ask, self._streamed, self._path = ask, request.stream, context.path
        self._model, self._replica = model, replica
        prefix = "chatcmpl" if request.endpoint == "chat" else "cmpl"
        self._answer = Answer(id=f"{prefix}-{self.request_id}", created=created, model=model, endpoint=request.endpoint)
        self._rng = Random(ask.seed)  # noqa: S311 - reproducible words, no secret
        self._accepted_s = self._last_s = now_s
        self._scheduled_s: float | None = None
        self._text = ""
        self._outbox = Outbox()

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
        if self._streamed:
            self._outbox.put(self._event(word, head))
        else:
            if head is not None:
                self._outbox.put(Frame(data=b"", head=head))
            if self.sequence.done:
                self._outbox.put(self._whole())
        if self.sequence.done:
            self._outbox.end()
        return gap_s

    def fail(self, error: ServingError) -> None:
        """End the stream with *error*, after the tokens that exist."""
        self._outbox.end(error)

    def frames(self) -> AsyncIterator[Frame]:
        """Stream frames until the last token; raises what ``fail`` was given."""
        return self._outbox.frames()

    def _event(self, word: str, head: Head | None) -> Frame:
        finish = self._ask.finish_reason if self.sequence.done else None
        opening = self._answer.opening() if head is not None else b""
        return Frame(
            data=opening + self._answer.delta(word, finish) + (self._closing() if finish else b""),
            text=word,
            tokens=1,
            prompt_tokens=self._ask.prompt_tokens if finish else None,
            finish_reason=finish,
            head=head,
        )

    def _whole(self) -> Frame:
        return Frame(
            data=self._answer.whole(self._text, self._ask.finish_reason, self._usage()),
            text=self._text,
            tokens=self._ask.output_tokens,
            prompt_tokens=self._ask.prompt_tokens,
            finish_reason=self._ask.finish_reason,
        )

    def _closing(self) -> bytes:
        return (self._answer.usage(self._usage()) if self._ask.include_usage else b"") + DONE

    def _usage(self) -> Usage:
        return Usage(prompt_tokens=self._ask.prompt_tokens, completion_tokens=self._ask.output_tokens)

    def _head(self, now_s: float) -> Head:
        scheduled_s = now_s if self._scheduled_s is None else self._scheduled_s
        return Head(
            model=self._model,
            path=self._path,
            replica=self._replica,
            engine_ttft_s=now_s - self._accepted_s,
            engine_queue_s=scheduled_s - self._accepted_s,
        )
