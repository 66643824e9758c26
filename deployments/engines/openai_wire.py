"""Render answers of OpenAI's chat and completion endpoints, streamed and whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from deployments.engines.rendering import Ending, Usage
from deployments.request import Endpoint

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What all objects of one answer share; ``created`` is Unix time in whole seconds."""

    id: str
    created: int
    model: str
    endpoint: Endpoint
    include_usage: bool = False

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

    def last(self, text: str, ending: Ending) -> bytes:
        """Render the last token with the reason why it is the last, the usage where it was asked for, and the mark."""
        reported = self.usage(ending.usage) if self.include_usage else b""
        return self.delta(text, ending.finish_reason) + reported + DONE

    def whole(self, ending: Ending) -> bytes:
        """Render the JSON body of an answer that is not streamed."""
        message = {"role": "assistant", "content": ending.text}
        content: dict[str, Any] = {"message": message} if self.endpoint == "chat" else {"text": ending.text}
        choice = {"index": 0, **content, "logprobs": None, "finish_reason": ending.finish_reason}
        kind = "chat.completion" if self.endpoint == "chat" else "text_completion"
        return msgspec.json.encode(self._object(kind, [choice], usage=ending.usage.as_wire()))

    def _event(self, choices: list[dict[str, Any]], **extra: Any) -> bytes:
        kind = "chat.completion.chunk" if self.endpoint == "chat" else "text_completion"
        return b"data: " + msgspec.json.encode(self._object(kind, choices, **extra)) + b"\n\n"

    def _object(self, kind: str, choices: list[dict[str, Any]], **extra: Any) -> dict[str, Any]:
        common = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return {**common, "choices": choices, **extra}
