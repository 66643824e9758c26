"""What the gateway checks of the body of OpenAI's responses endpoint."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from deployments.gateway.checked import (
    MAX_INPUTS,
    Count,
    Part,
    Penalty,
    Seed,
    StreamedBody,
    Temperature,
    TopK,
    TopP,
    wrong,
)


class InputItem(msgspec.Struct):
    """A message, or what a model or a tool put out earlier; ``type`` may be left out of a message."""

    type: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[Part] | None = None


class ResponsesRequest(StreamedBody, kw_only=True):
    """``/v1/responses``."""

    input: str | list[InputItem]
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    background: bool | None = None
    store: bool | None = None
    max_output_tokens: Count | None = None
    max_tool_calls: Count | None = None
    metadata: dict[str, str] | None = None
    include: list[str] | None = None
    reasoning: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    truncation: Literal["auto", "disabled"] | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, msgspec.Meta(gt=0)] | None = None
    stop: str | list[str] | None = None
    seed: Seed | None = None
    user: str | None = None

    def check(self) -> None:
        """Raise an Invalid for an input that says nothing, and for what cannot be kept."""
        if not self.input:
            raise wrong("input", "is empty")
        if len(self.input) > MAX_INPUTS and not isinstance(self.input, str):
            raise wrong("input", f"holds {len(self.input)} items; send at most {MAX_INPUTS}")
        for at, item in enumerate(self.input if isinstance(self.input, list) else ()):
            _check_item(item, f"input[{at}]")
        if self.conversation is not None:
            raise wrong("conversation", "is not kept here; go on from a response with previous_response_id")
        if self.background and self.store is False:
            raise wrong("background", "needs store, which is false: the answer could never be retrieved")


def _check_item(item: InputItem, field: str) -> None:
    if item.type in (None, "message"):
        if item.role is None:
            raise wrong(f"{field}.role", "is missing; a message has a role, anything else a type")
        if not item.content and item.role != "assistant":
            raise wrong(f"{field}.content", f"is empty; a {item.role} message says something")
        if item.content is None:
            raise wrong(f"{field}.content", "is missing")
