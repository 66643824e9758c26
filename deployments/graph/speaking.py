"""Answers in a node's own words, in the forms that the engines give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.engines.rendering import Ending, Rendering, Usage
from deployments.engines.renderings import rendering_of
from deployments.graph.disclosure import with_field
from deployments.request import Context, Endpoint, Frame, Request

# The endpoints that answer in words.
SPOKEN: frozenset[Endpoint] = frozenset({"chat", "completion", "messages", "responses"})


class Speaker:
    """Turns the text of one answer into frames: streamed as it comes, or one body at the end.

    ``say`` is called for each piece, and ``end`` once. Completion tokens are those that the pieces were said to take.
    A streamed message tells the prompt's length when it begins, which is *prompt_tokens*; the end tells the true one.
    """

    def __init__(self, request: Request, context: Context, *, model: str, prompt_tokens: int = 0) -> None:
        self._streamed = request.stream
        self._rendering: Rendering = rendering_of(
            request, context, model=model, prompt_tokens=prompt_tokens, created=int(context.now.timestamp())
        )
        self._pieces: list[str] = []
        self._tokens = 0
        self._begun = False

    def say(self, text: str, *, tokens: int = 0) -> Frame:
        """Return the frame that adds *text*; it has no data where there is nothing to send yet."""
        self._pieces.append(text)
        self._tokens += tokens
        if not self._streamed:
            return Frame(data=b"")
        data = self._opening() + self._rendering.delta(text) if text else b""
        return Frame(data=data, text=text, tokens=tokens)

    def end(
        self,
        text: str = "",
        *,
        finish_reason: str,
        prompt_tokens: int,
        tokens: int = 0,
        told: Mapping[str, Any] | None = None,
    ) -> Frame:
        """Return the frame that adds the last of the text and ends the answer; *told* goes into a whole body."""
        self._pieces.append(text)
        self._tokens += tokens
        reason = "length" if finish_reason == "length" else "stop"
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=self._tokens)
        ending = Ending(text="".join(self._pieces), finish_reason=reason, usage=usage)
        if self._streamed:
            data = self._opening() + self._rendering.last(text, ending)
            return Frame(data=data, text=text, tokens=tokens, prompt_tokens=prompt_tokens, finish_reason=finish_reason)
        body = self._rendering.whole(ending)
        return Frame(
            data=with_field(body, told) if told else body,
            text=ending.text,
            tokens=self._tokens,
            prompt_tokens=prompt_tokens,
            finish_reason=finish_reason,
        )

    def _opening(self) -> bytes:
        begun, self._begun = self._begun, True
        return b"" if begun else self._rendering.opening()
