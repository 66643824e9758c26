"""Ask an engine, and read what came back."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import count
from typing import Any

from deployments.engines.base import Engine
from deployments.request import Context, Endpoint, Frame, Request

_ids = count(1)


def context(request_id: str = "", path: tuple[str, ...] = ("auto", "dense")) -> Context:
    """Return a context with a minute left."""
    return Context(
        request_id=request_id or f"request-{next(_ids)}",
        deadline_s=time.monotonic() + 60,
        now=datetime.now(UTC),
        path=path,
    )


def chat(text: str = "What is the capital of France?", *, stream: bool = False, **body: Any) -> Request:
    """Return a chat request of one message."""
    messages = [{"role": "user", "content": text}]
    return ask("chat", stream=stream, **{"messages": messages, "max_tokens": 12, "temperature": 0, **body})


def completion(prompt: str = "The capital of France is", *, stream: bool = False, **body: Any) -> Request:
    """Return a completion request."""
    return ask("completion", stream=stream, **{"prompt": prompt, "max_tokens": 12, "temperature": 0, **body})


def ask(endpoint: Endpoint, *, stream: bool = False, **body: Any) -> Request:
    """Return a request with *body*, the model left for the engine to fill in."""
    return Request(endpoint=endpoint, model="dense", body=body, stream=stream)


def answer(engine: Engine, request: Request, request_id: str = "") -> AsyncIterator[Frame]:
    """Open the stream of frames."""
    return engine.generate(request, context(request_id))


async def frames(engine: Engine, request: Request, request_id: str = "") -> list[Frame]:
    """Read a whole answer."""
    async with aclosing(answer(engine, request, request_id)) as stream:  # type: ignore[type-var]
        return [frame async for frame in stream]


def events(answered: list[Frame]) -> list[Any]:
    """Decode a streamed answer's events; the end mark stays a string."""
    text = b"".join(frame.data for frame in answered).decode()
    assert text.endswith("\n\n")
    payloads = [event.removeprefix("data: ") for event in text.removesuffix("\n\n").split("\n\n")]
    return [payload if payload == "[DONE]" else json.loads(payload) for payload in payloads]


def text_of(answered: list[Frame]) -> str:
    """Join the first choice's text."""
    return "".join(frame.text for frame in answered)
