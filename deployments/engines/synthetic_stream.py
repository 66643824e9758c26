"""One answer of a synthetic engine: steps put tokens in, rendered frames come out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice

import msgspec

from deployments.cost.bill import Bill
from deployments.cost.seat import Seat
from deployments.engines.outbox import Outbox
from deployments.engines.rendering import Ending, Rendering, Usage
from deployments.engines.synthetic_batch import Sequence
from deployments.engines.synthetic_request import Ask
from deployments.engines.synthetic_words import Word, words
from deployments.errors import ServingError
from deployments.request import STRIDE, Context, Frame, Head, Request


class Stream:
    """One request inside a synthetic engine; all times are on the engine's monotonic clock, in seconds.

    What it prefills is found again by those of the same ``salt``; what is kept of it is ``owner``'s.
    """

    def __init__(
        self, ask: Ask, request: Request, context: Context, rendering: Rendering, *, head: Head, now_s: float
    ) -> None:
        self.request_id = context.call_id
        begun = ask.begun
        self.sequence = Sequence(prompt_tokens=ask.prompt_tokens + begun, output_tokens=ask.output_tokens - begun)
        self.sequence.came_s = None if begun else now_s
        self.request, self.ask, self.rendering = request, ask, rendering
        self.salt: str | None = None
        self.owner = context.standing.account
        self.bill: Bill | None = None
        self.seat: Seat | None = None
        self._named = head
        self._words = islice(words(ask.seed, ask.confidence), begun, None)
        self._accepted_s = self._last_s = now_s
        self._scheduled_s: float | None = None
        self._text = request.resume.text if request.resume is not None else ""
        self._unsaid: list[Word] = []
        self._counted = 0
        self._outbox = Outbox()
        if self.sequence.done:
            self._end(now_s)

    @property
    def ending(self) -> Ending | None:
        """Return the whole answer, None while it is not."""
        if not self.sequence.done:
            return None
        usage = Usage(prompt_tokens=self.ask.prompt_tokens, completion_tokens=self.ask.output_tokens)
        return Ending(text=self._text, finish_reason=self.ask.finish_reason, usage=usage)

    @property
    def prefilled(self) -> str:
        """Return what was computed before the first token of this engine: the prompt, and what was delivered before."""
        return self.ask.prompt + (self.request.resume.text if self.request.resume is not None else "")

    def scheduled(self, now_s: float) -> None:
        """Note that the sequence entered the batch."""
        if self._scheduled_s is None:
            self._scheduled_s = now_s

    def emit(self, now_s: float) -> float:
        """Add the next token; return the seconds since the previous one, or since acceptance for the first."""
        gap_s, self._last_s = now_s - self._last_s, now_s
        word = next(self._words)
        self._text += word.text
        self._unsaid.append(word)
        head = self._head(now_s) if self.sequence.generated == 1 else None
        ending = self.ending
        if self.request.stream:
            self._outbox.put(self._event(word, head, ending))
        else:
            if head is not None:
                self._outbox.put(Frame(data=b"", head=head))
            if ending is not None:
                self._outbox.put(self._whole(ending))
            elif len(self._unsaid) - self._counted >= STRIDE:
                self._counted += STRIDE
                self._outbox.put(Frame(data=b"", tokens=STRIDE))
        if ending is not None:
            self._outbox.end()
        return gap_s

    def fail(self, error: ServingError) -> None:
        """End the stream with *error*, after the tokens that exist."""
        self._outbox.end(error)

    def frames(self) -> AsyncIterator[Frame]:
        """Stream frames until the last token; raises what ``fail`` was given."""
        return self._outbox.frames()

    def _end(self, now_s: float) -> None:
        """End an answer that was complete before it was gone on with."""
        ending = self.ending
        assert ending is not None  # noqa: S101
        self._outbox.put(self._frame(self.rendering.last("", ending), head=self._head(now_s), ending=ending))
        self._outbox.end()

    def _event(self, word: Word, head: Head | None, ending: Ending | None) -> Frame:
        opening = self.rendering.opening() if head is not None and self.request.resume is None else b""
        added = self.rendering.delta(word.text) if ending is None else self.rendering.last(word.text, ending)
        return self._frame(opening + added, head=head, ending=ending)

    def _whole(self, ending: Ending) -> Frame:
        return self._frame(self.rendering.whole(ending), ending=ending)

    def _frame(self, data: bytes, *, head: Head | None = None, ending: Ending | None) -> Frame:
        """Return a frame that tells all words since the one before."""
        said, self._unsaid = self._unsaid, []
        traced, judged = self.request.traced, self.request.judged
        return Frame(
            data=data,
            text="".join([word.text for word in said]),
            tokens=len(said) - self._counted,
            prompt_tokens=ending.usage.prompt_tokens if ending else None,
            finish_reason=ending.finish_reason if ending else None,
            head=head,
            ids=tuple([word.number for word in said]) if traced else (),
            logprob=sum([word.logprob for word in said]) if judged else 0,
            margin=sum([word.margin for word in said]) if judged else 0,
            seconds=self.bill.seconds if ending and self.bill else 0,
        )

    def _head(self, now_s: float) -> Head:
        scheduled_s = now_s if self._scheduled_s is None else self._scheduled_s
        return msgspec.structs.replace(
            self._named, engine_ttft_s=now_s - self._accepted_s, engine_queue_s=scheduled_s - self._accepted_s
        )
