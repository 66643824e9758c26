"""Stored responses in a vLLM replica: kept within bounds, run in the background within bounds, and ended with it.

vLLM's handler keeps responses for ever, waits for ever on the events of a background response that failed, and leaves
its background tasks to themselves. It does everything through plain attributes, which are replaced here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.requests import Request as HttpRequest
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest, ResponsesResponse
from vllm.entrypoints.openai.responses.serving import OpenAIServingResponses
from vllm.entrypoints.serve.engine.protocol import ErrorResponse

from deployments.adapters import split_name
from deployments.engines.bounded import Bounded
from deployments.engines.watch import WATCH, Watch
from deployments.errors import Invalid, Overloaded

log = logging.getLogger(__name__)

STORED = 1000
STORED_BYTES = 64 * 2**20
EVENT_STREAMS = 32
BACKGROUND = 64
# Of one tenant, which could keep all of them for BACKGROUND_S.
BACKGROUND_EACH = BACKGROUND // 2
BACKGROUND_S = 3600.0
CLOSE_S = 5.0
_UNFINISHED = ("queued", "in_progress")

Events = AsyncGenerator[str, None]
Answer: TypeAlias = Events | ResponsesResponse | ErrorResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A request for a stored response, or for its events after the one of that number."""

    response_id: str
    stream: bool = False
    starting_after: int | None = None


class VllmResponses:
    """OpenAI's responses endpoints; the handler remains vLLM's."""

    def __init__(self, handler: OpenAIServingResponses) -> None:
        handler.enable_store = True
        handler.response_store = Bounded(entries=STORED, size=STORED_BYTES, weigh=_response_bytes, whose=_account)
        handler.msg_store = Bounded(entries=STORED, size=STORED_BYTES, weigh=_text_bytes, whose=_account)
        handler.event_store = Bounded(entries=EVENT_STREAMS, size=EVENT_STREAMS, weigh=lambda _: 1, whose=_account)
        handler.responses_background_stream_generator = self._background_events
        self._handler = handler
        self._accounts: dict[str, str] = {}

    async def create(self, body: ResponsesRequest, http: HttpRequest | None) -> Answer:
        """Answer, or begin to answer in the background."""
        if body.background:
            self._check_background(body)
        answer = await self._handler.create_responses(body, http)
        if task := self._handler.background_tasks.get(body.request_id):
            self._own(body.request_id, task, _account())
            await asyncio.sleep(0)  # the task makes the place for its events in its first step
        return _rendered(answer) if isinstance(answer, AsyncGenerator) else answer

    async def retrieve(self, asked: Lookup, _: HttpRequest | None) -> Answer:
        """Return a stored response as it is now, or its events."""
        answer = await self._handler.retrieve_responses(
            asked.response_id, starting_after=asked.starting_after, stream=asked.stream
        )
        return _rendered(answer) if isinstance(answer, AsyncGenerator) else answer

    async def cancel(self, asked: Lookup, _: HttpRequest | None) -> ResponsesResponse | ErrorResponse:
        """End a response that runs in the background."""
        # vLLM would wait for the task's end without limit, and log it as a failure.
        task = self._handler.background_tasks.pop(asked.response_id, None)
        answer = await self._handler.cancel_responses(asked.response_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=CLOSE_S)
        return answer

    async def close(self) -> None:
        """End everything that runs in the background."""
        tasks = list(self._handler.background_tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    def _check_background(self, body: ResponsesRequest) -> None:
        if len(self._handler.background_tasks) >= BACKGROUND:
            raise Overloaded(f"{BACKGROUND} responses already run in the background", retry_after_s=5.0)
        account = _account()
        if account and list(self._accounts.values()).count(account) >= BACKGROUND_EACH:
            told = f"{BACKGROUND_EACH} responses of this tenant already run in the background"
            raise Overloaded(told, retry_after_s=5.0)
        if split_name(body.model or "")[1]:
            message = "background: not with an adapter, which may be unloaded meanwhile; ask without background"
            raise Invalid(message, param="background")

    def _own(self, response_id: str, task: asyncio.Task[None], account: str) -> None:
        limit = asyncio.get_running_loop().call_later(BACKGROUND_S, task.cancel)
        self._accounts[response_id] = account

        def settle(ended: asyncio.Task[None]) -> None:
            limit.cancel()
            self._accounts.pop(response_id, None)
            error = None if ended.cancelled() else ended.exception()
            if error is not None:
                log.warning("background_response_failed response=%s reason=%s", response_id, error)
            stored = self._handler.response_store.get(response_id)
            if stored is not None and stored.status in _UNFINISHED:
                stored.status = "failed"

        task.add_done_callback(settle)

    async def _background_events(
        self, response_id: str, starting_after: int | None = None
    ) -> AsyncGenerator[Any, None]:
        """Yield what has happened and what happens, and end with the background task."""
        if response_id not in self._handler.event_store:
            raise Invalid("stream: only a response made with background and stream has events to send", param="stream")
        events, news = self._handler.event_store[response_id]
        task = self._handler.background_tasks.get(response_id)
        at = 0 if starting_after is None else starting_after + 1
        while True:
            news.clear()
            while at < len(events):
                yield events[at]
                at += 1
            if task is None or task.done():
                break
            await news.wait()
        stored = self._handler.response_store.get(response_id)
        if stored is not None and stored.status in ("failed", "cancelled"):
            raise Invalid(f"the response was {stored.status}")


async def _rendered(events: AsyncGenerator[Any, None]) -> Events:
    async with aclosing(events):
        async for event in events:
            yield f"event: {event.type}\ndata: {event.model_dump_json(by_alias=True)}\n\n"


def _response_bytes(response: ResponsesResponse) -> int:
    return len(response.model_dump_json(by_alias=True))


def _text_bytes(value: Any) -> int:
    """Count the characters in plain data."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_text_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_text_bytes, value))
    return len(value.model_dump_json()) if hasattr(value, "model_dump_json") else 8


def _account() -> str:
    """Return whose request runs, "" where nobody is known."""
    return (WATCH.get() or Watch()).standing.account
