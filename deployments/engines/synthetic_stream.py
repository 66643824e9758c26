"""One answer of a synthetic engine: tokens go in as steps end, frames come out as they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

from deployments.engines.openai_wire import DONE, Answer, Usage
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
    """The unread tokens of one request, merged into one frame when the reader lags, as vLLM does."""

    def __init__(
        self, ask: Ask, request: Request, context: Context, *, model: str, replica: str, now_s: float, created: int
    ) -> None:
        self.request_id = context.request_id
        self.sequence = Sequence(prompt_tokens=ask.prompt_tokens, output_tokens=ask.output_tokens)
        self._ask, self._request, self._context = ask, request, context
        self._model, self._replica = model, replica
        prefix = "chatcmpl" if request.endpoint == "chat" else "cmpl"
        self._answer = Answer(
            id=f"{prefix}-{context.request_id}", created=created, model=model, endpoint=request.endpoint
        )
        self._rng = Random(ask.seed)  # noqa: S311 - reproducible words, no secret
        self._accepted_s = now_s
        self._scheduled_s: float | None = None
        self._first_s: float | None = None
        self._last_s = now_s
        self._unread: list[str] = []
        self._failure: ServingError | None = None
        self._news = asyncio.Event()

    def scheduled(self, now_s: float) -> None:
        """Note that the sequence entered the batch."""
        if self._scheduled_s is None:
            self._scheduled_s = now_s

    def emit(self, now_s: float) -> float:
        """Add the next token; return the seconds since the previous one, or since acceptance for the first."""
        gap_s, self._last_s = now_s - self._last_s, now_s
        if self._first_s is None:
            self._first_s = now_s
        self._unread.append(" " + self._rng.choice(_WORDS))
        self._news.set()
        return gap_s

    def fail(self, error: ServingError) -> None:
        """End the stream with *error*, after the tokens that exist."""
        self._failure = error
        self._news.set()

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield frames until the last token; raises what ``fail`` was given."""
        frames = self._streamed() if self._request.stream else self._whole()
        async for frame in frames:
            yield frame

    async def _streamed(self) -> AsyncIterator[Frame]:
        head, data = None, self._answer.opening()
        seen = 0
        while seen < self._ask.output_tokens:
            words = await self._read()
            seen += len(words)
            finish = self._ask.finish_reason if seen == self._ask.output_tokens else None
            head = self._head() if seen == len(words) else None
            data += self._answer.delta("".join(words), finish) + (self._closing() if finish else b"")
            yield Frame(
                data=data,
                text="".join(words),
                tokens=len(words),
                prompt_tokens=self._ask.prompt_tokens if finish else None,
                finish_reason=finish,
                head=head,
            )
            data = b""

    async def _whole(self) -> AsyncIterator[Frame]:
        words = await self._read()
        yield Frame(data=b"", head=self._head())
        while len(words) < self._ask.output_tokens:
            words += await self._read()
        text, finish = "".join(words), self._ask.finish_reason
        yield Frame(
            data=self._answer.whole(text, finish, self._usage()),
            text=text,
            tokens=len(words),
            prompt_tokens=self._ask.prompt_tokens,
            finish_reason=finish,
        )

    async def _read(self) -> list[str]:
        await self._news.wait()
        self._news.clear()
        if self._unread:
            words, self._unread = self._unread, []
            if self._failure is not None:
                self._news.set()
            return words
        assert self._failure is not None  # noqa: S101 - news are words or a failure
        raise self._failure

    def _closing(self) -> bytes:
        return (self._answer.usage(self._usage()) if self._ask.include_usage else b"") + DONE

    def _usage(self) -> Usage:
        return Usage(prompt_tokens=self._ask.prompt_tokens, completion_tokens=self._ask.output_tokens)

    def _head(self) -> Head:
        first_s = self._first_s if self._first_s is not None else self._accepted_s
        scheduled_s = self._scheduled_s if self._scheduled_s is not None else first_s
        return Head(
            model=self._model,
            path=self._context.path,
            replica=self._replica,
            engine_ttft_s=first_s - self._accepted_s,
            engine_queue_s=scheduled_s - self._accepted_s,
        )
