"""Render answers in the OpenAI wire format, streamed and whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from deployments.request import Endpoint

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one request."""

    prompt_tokens: int
    completion_tokens: int

    def as_wire(self) -> dict[str, int]:
        """Return the wire's ``usage`` object."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "completion_tokens": self.completion_tokens,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What all objects of one answer share; ``created`` is Unix time in whole seconds."""

    id: str
    created: int
    model: str
    endpoint: Endpoint

    def opening(self) -> bytes:
        """Render the event that opens a stream: the role in a chat, nothing in a completion."""
        if self.endpoint == "completion":
            return b""
        delta = {"role": "assistant", "content": ""}
        return self._event([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])

    def delta(self, text: str, finish_reason: str | None = None) -> bytes:
        """Render the event that adds *text*."""
        content: dict[str, Any] = {"delta": {"content": text}} if self.endpoint == "chat" else {"text": text}
        return self._event([{"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}])

    def usage(self, usage: Usage) -> bytes:
        """Render the event that reports *usage*; it has no choices."""
        return self._event([], usage=usage.as_wire())

    def whole(self, text: str, finish_reason: str, usage: Usage) -> bytes:
        """Render the JSON body of an answer that is not streamed."""
        message = {"role": "assistant", "content": text}
        content: dict[str, Any] = {"message": message} if self.endpoint == "chat" else {"text": text}
        choice = {"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}
        kind = "chat.completion" if self.endpoint == "chat" else "text_completion"
        return msgspec.json.encode(self._object(kind, [choice], usage=usage.as_wire()))

    def _event(self, choices: list[dict[str, Any]], **extra: Any) -> bytes:
        kind = "chat.completion.chunk" if self.endpoint == "chat" else "text_completion"
        return b"data: " + msgspec.json.encode(self._object(kind, choices, **extra)) + b"\n\n"

    def _object(self, kind: str, choices: list[dict[str, Any]], **extra: Any) -> dict[str, Any]:
        common = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return {**common, "choices": choices, **extra}
