"""Render answers of OpenAI's responses endpoint, streamed and whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from deployments.engines.rendering import Ending, Usage

_STATUS = {"stop": "completed", "length": "incomplete"}


@dataclass(slots=True, kw_only=True)
class ResponseAnswer:
    """One response of a single message; ``asked`` are the fields that it repeats from the request."""

    id: str
    created: int
    model: str
    asked: dict[str, Any]
    _numbers: count[int] = field(default_factory=count)

    def opening(self) -> bytes:
        """Render the events before the first token."""
        begun = self._response("in_progress", [])
        at: dict[str, Any] = {"output_index": 0, "item_id": self._message_id}
        return b"".join([
            self._event("response.created", response=begun),
            self._event("response.in_progress", response=begun),
            self._event("response.output_item.added", output_index=0, item=self._message("in_progress", None)),
            self._event("response.content_part.added", **at, content_index=0, part=_part("")),
        ])  # fmt: skip

    def delta(self, text: str) -> bytes:
        """Render the event that adds *text*."""
        at = {"output_index": 0, "item_id": self._message_id, "content_index": 0}
        return self._event("response.output_text.delta", **at, delta=text, logprobs=[])

    def last(self, text: str, ending: Ending) -> bytes:
        """Render the last token, and the events that close what the opening began."""
        at: dict[str, Any] = {"output_index": 0, "item_id": self._message_id, "content_index": 0}
        status = _STATUS[ending.finish_reason]
        return self.delta(text) + b"".join([
            self._event("response.output_text.done", **at, text=ending.text, logprobs=[]),
            self._event("response.content_part.done", **at, part=_part(ending.text)),
            self._event("response.output_item.done", output_index=0, item=self._message(status, ending.text)),
            self._event(f"response.{status}", response=self._ended(ending)),
        ])  # fmt: skip

    def whole(self, ending: Ending) -> bytes:
        """Render the JSON body of an answer that is not streamed, and of one that is retrieved."""
        return msgspec.json.encode(self._ended(ending))

    @property
    def _message_id(self) -> str:
        return f"msg_{self.id.removeprefix('resp_')[:32]}"

    def _ended(self, ending: Ending) -> dict[str, Any]:
        status = _STATUS[ending.finish_reason]
        return self._response(status, [self._message(status, ending.text)], _usage(ending.usage))

    def _message(self, status: str, text: str | None) -> dict[str, Any]:
        content = [] if text is None else [_part(text)]
        return {
            "id": self._message_id, "type": "message", "role": "assistant", "status": status, "content": content,
        }  # fmt: skip

    def _response(
        self, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {
            "id": self.id, "object": "response", "created_at": self.created, "status": status, "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "model": self.model, "output": output, "parallel_tool_calls": True, "tool_choice": "none", "tools": [],
            "background": False, "usage": usage, **self.asked,
        }  # fmt: skip

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = {"type": kind, "sequence_number": next(self._numbers), **fields}
        return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
