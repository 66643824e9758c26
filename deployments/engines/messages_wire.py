"""Render answers of Anthropic's messages endpoint, streamed and whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from deployments.engines.rendering import Ending

_STOP_REASON = {"stop": "end_turn", "length": "max_tokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAnswer:
    """One message of a single block of text; ``prompt_tokens`` is what a stream tells when it begins."""

    id: str
    model: str
    prompt_tokens: int

    def opening(self) -> bytes:
        """Render the events before the first token."""
        begun = self._message([], None, self.prompt_tokens, 0)
        block = {"type": "text", "text": ""}
        return self._event("message_start", message=begun) + self._event(
            "content_block_start", index=0, content_block=block
        )

    def delta(self, text: str) -> bytes:
        """Render the event that adds *text*."""
        return self._event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def last(self, text: str, ending: Ending) -> bytes:
        """Render the last token, the reason why it is the last, and the end."""
        stopped = {"stop_reason": _STOP_REASON[ending.finish_reason], "stop_sequence": None}
        usage = {"input_tokens": ending.usage.prompt_tokens, "output_tokens": ending.usage.completion_tokens}
        return b"".join([
            self.delta(text),
            self._event("content_block_stop", index=0),
            self._event("message_delta", delta=stopped, usage=usage),
            self._event("message_stop"),
        ])  # fmt: skip

    def whole(self, ending: Ending) -> bytes:
        """Render the JSON body of an answer that is not streamed."""
        content = [{"type": "text", "text": ending.text}]
        reason = _STOP_REASON[ending.finish_reason]
        usage = ending.usage
        return msgspec.json.encode(self._message(content, reason, usage.prompt_tokens, usage.completion_tokens))

    def _message(
        self, content: list[dict[str, Any]], reason: str | None, input_tokens: int, output_tokens: int
    ) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens},
        }

    def _event(self, kind: str, **fields: Any) -> bytes:
        return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"
