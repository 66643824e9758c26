"""What the gateway checks of the bodies of OpenAI's chat and completion endpoints."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from deployments.gateway.checked import (
    MAX_TOKENS,
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
from deployments.gateway.prompt_input import PromptInput, check_prompts


class StreamOptions(msgspec.Struct):
    """What a stream carries beside its text."""

    include_usage: bool | None = None


class _Generating(StreamedBody, kw_only=True):
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    min_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    max_tokens: Count | None = None
    min_tokens: Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)] | None = None
    stop: str | list[str] | None = None
    seed: Seed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, msgspec.Meta(gt=0)] | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None
    ignore_eos: bool | None = None


class ChatMessage(msgspec.Struct):
    """One message of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part | str] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class ChatCompletionRequest(_Generating, kw_only=True):
    """``/v1/chat/completions``."""

    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=-1, le=1000)] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None

    def check(self) -> None:
        """Raise an Invalid for a message that says nothing."""
        check_messages(self.messages)


class CompletionRequest(_Generating, kw_only=True):
    """``/v1/completions``."""

    prompt: PromptInput
    echo: bool | None = None
    suffix: str | None = None
    best_of: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=-1, le=1000)] | None = None

    def check(self) -> None:
        """Raise an Invalid for a prompt that is none."""
        check_prompts(self.prompt, "prompt")


def check_messages(messages: list[ChatMessage]) -> None:
    """Raise an Invalid for the first message that says nothing."""
    for at, message in enumerate(messages):
        field = f"messages[{at}].content"
        if message.content is None and message.role not in ("assistant", "function"):
            raise wrong(field, f"is missing; a {message.role} message says something")
        if message.content == []:
            raise wrong(field, "is empty; give at least one part")
