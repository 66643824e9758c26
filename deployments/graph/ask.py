"""Ask a node something on behalf of another node: one short chat, read to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.errors import EngineFailed
from deployments.graph.closing import closing
from deployments.graph.node import Node
from deployments.layers.deadline import deadline
from deployments.request import Context, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a node said; ``tokens`` are those of the completion, ``prompt_tokens`` is None where nobody tells."""

    text: str
    tokens: int = 0
    prompt_tokens: int | None = None
    finish_reason: str | None = None
    model: str = ""


async def ask(
    node: Node,
    messages: str | Sequence[Mapping[str, Any]],
    context: Context,
    *,
    max_tokens: int,
    temperature: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    **more: Any,
) -> Reply:
    """Return what *node* answers to *messages*; plain text is one message of a user's.

    *more* are further fields of the chat's body, such as ``stop`` or ``response_format``. The context's deadline, read
    on *clock*, bounds the whole; give each of several calls for one request a context of its own (``Context.fork``).
    Raises a ServingError as the node does, and EngineFailed where it says nothing at all.
    """
    request = _chat(messages, {"max_tokens": max_tokens, "temperature": temperature, **more})
    pieces: list[str] = []
    tokens, prompt_tokens, finish_reason, model = 0, None, None, ""
    answered = False
    async with closing(deadline(clock)(node)(request, context)) as frames:
        async for frame in frames:
            answered = answered or bool(frame.data)
            pieces.append(frame.text)
            tokens += frame.tokens
            model = frame.head.model if frame.head is not None else model
            prompt_tokens = frame.prompt_tokens if frame.prompt_tokens is not None else prompt_tokens
            finish_reason = frame.finish_reason or finish_reason
    if not answered:
        raise EngineFailed("the node that was asked ended without an answer")
    return Reply(
        text="".join(pieces), tokens=tokens, prompt_tokens=prompt_tokens, finish_reason=finish_reason, model=model
    )


def _chat(messages: str | Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> Request:
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else [dict(one) for one in messages]
    body = {"messages": said, "stream": True, **fields}
    return Request(endpoint="chat", model="", body=body, stream=True)
