"""One request inside a vLLM engine, from its acceptance to its last frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from deployments.adapters import served_name
from deployments.engines.constraint_blame import blamed
from deployments.engines.outbox import Outbox
from deployments.engines.readers import reader_of
from deployments.engines.vllm_errors import of_exception, of_wire
from deployments.engines.vllm_serving import VllmServing
from deployments.engines.vllm_shares import CallShares
from deployments.engines.watch import WATCH, Watch
from deployments.engines.wire_fields import Fields
from deployments.errors import EngineFailed, ServingError
from deployments.request import STRIDE, Context, Frame, Head, Request
from deployments.response_id import Place, new_response_id
from deployments.resumable import check_resume, resumable

CLOSE_S = 5.0


class VllmCall:
    """Renders in a task of its own, so that a slow reader never slows the engine and anyone may end the request."""

    def __init__(
        self, serving: VllmServing, request: Request, context: Context, *, name: str, replica: str, shares: CallShares
    ) -> None:
        self.request_id = context.call_id
        self._serving, self._request, self._path = serving, request, context.path
        self._name, self._replica = name, replica
        self._model = served_name(name, request.adapter)
        self._reader = reader_of(request.endpoint)
        self._wire_id = _wire_id(request, context, Place(pool=name, replica=replica))
        # vLLM opens a response's stream before it has a token; what runs in the background is answered at once.
        self._opens_early = request.endpoint == "responses" and not request.body.get("background")
        self._watch = Watch(
            standing=context.standing if context.charged else context.standing.unasked(),
            priority=context.priority,
            shares=shares,
            traced=request.traced,
            judged=request.judged,
            resume=request.resume,
            own=request.resume is not None and request.resume.model == name,
        )
        self._shares = shares
        self._reported = 0
        self._traced = request.traced and resumable(request)
        self._ending: Fields | None = None
        self._headed = False
        self._held = b""
        self._outbox = Outbox()
        self._task = asyncio.create_task(self._run(), name=f"request {self.request_id}")

    def frames(self) -> AsyncIterator[Frame]:
        """Stream what has been rendered; raises the error that ended the request."""
        return self._outbox.frames()

    def fail(self, error: ServingError) -> None:
        """End the request early; the engine frees it at its next step."""
        self._outbox.end(error)
        self._task.cancel()

    async def close(self) -> None:
        """End the request if it is still running, and wait until the engine has been told, or does not listen."""
        self._task.cancel()
        await asyncio.wait([self._task], timeout=CLOSE_S)

    async def _run(self) -> None:
        WATCH.set(self._watch)
        try:
            check_resume(self._request)
            await (self._stream() if self._request.stream else self._whole())
            self._outbox.end()
        except asyncio.CancelledError:
            self._outbox.end(EngineFailed(f"{self._name}: the request was ended"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever breaks here must reach the reader
            told = of_exception(error, self._name, self._request.endpoint)
            self._outbox.end(blamed(told, self._request))
        finally:
            if not self._request.body.get("background"):  # which goes on, and ends with its last step
                self._shares.leave()

    async def _stream(self) -> None:
        answer = await self._serving.answer(self._request, self._wire_id)
        if isinstance(answer, bytes):
            raise EngineFailed(f"{self._name}: vLLM gave one body where a stream was asked for")
        async with aclosing(answer) as events:
            async for event in events:
                self._put_event(event.encode())

    async def _whole(self) -> None:
        progress = asyncio.create_task(self._progress())
        try:
            answer = await self._serving.answer(self._request, self._wire_id)
        finally:
            progress.cancel()
        if isinstance(answer, AsyncGenerator):
            raise EngineFailed(f"{self._name}: vLLM gave a stream where one body was asked for")
        fields = self._reader.body(answer)
        rest = self._watch.tokens - self._reported
        self._put(answer, fields, tokens=rest, prompt_tokens=self._watch.prompt_tokens)

    async def _progress(self) -> None:
        """Tell of the first token, and then of every stride, so that whoever counts may end the answer within it."""
        await self._watch.first.wait()
        self._put(b"", Fields(), tokens=0, prompt_tokens=None)
        while await self._watch.progress.wait():
            self._watch.progress.clear()
            if (made := self._watch.tokens - self._reported) >= STRIDE:
                self._reported += made
                self._put(b"", Fields(), tokens=made, prompt_tokens=None)

    def _put_event(self, event: bytes) -> None:
        fields = self._reader.event(event)
        if fields.error is not None:
            raise of_wire(fields.error, self._name, self._request.endpoint)
        if self._watch.replaying:
            return
        if self._waits(fields):
            self._held += event
            self._ending = fields if fields.finish_reason else self._ending
            return
        tokens = 0 if fields.opening else self._watch.tokens - self._reported
        self._reported += tokens
        data, self._held = self._held + event, b""
        prompt_tokens = self._watch.prompt_tokens if fields.done else None
        self._put(data, self._ending or fields, tokens=tokens, prompt_tokens=prompt_tokens)

    def _waits(self, fields: Fields) -> bool:
        """Say whether an event goes out with the next one: usage with the end mark, an opening with a first token.

        A traced answer is whole when its reason to end has arrived: nothing that follows may get lost.
        """
        if fields.opening:
            return self._opens_early and not self._watch.first.is_set()
        if fields.finish_reason is not None:
            return self._traced
        return fields.closing and not fields.done

    def _put(self, data: bytes, fields: Fields, *, tokens: int, prompt_tokens: int | None) -> None:
        head, self._headed = None if self._headed else self._head(), True
        if prompt_tokens is not None:
            self._shares.leave()
        # An opening, or an early head, says nothing of the token that comes with the next frame.
        ids, logprob, margin = self._watch.taken() if data and not fields.opening else ((), 0, 0)
        self._outbox.put(
            Frame(
                data=data,
                text=fields.text,
                tokens=tokens,
                prompt_tokens=prompt_tokens,
                finish_reason=fields.finish_reason,
                head=head,
                ids=ids,
                logprob=logprob,
                margin=margin,
                seconds=0 if prompt_tokens is None else self._shares.seconds,
            )
        )

    def _head(self) -> Head:
        return Head(
            model=self._model,
            path=self._path,
            replica=self._replica,
            engine_ttft_s=self._watch.ttft_s,
            engine_queue_s=self._watch.queue_s,
        )


def _wire_id(request: Request, context: Context, place: Place) -> str:
    """Return the id that the answer has: the request's own, or one by which the stored answer is found again."""
    return new_response_id(place, context.tenant) if request.endpoint == "responses" else context.call_id
