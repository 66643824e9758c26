"""What the gateway checks of the bodies of Anthropic's messages endpoints."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from deployments.gateway.checked import Body, Count, NonEmpty, Part, StreamedBody, Temperature, TopK, TopP, wrong


class AnthropicMessage(msgspec.Struct):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Part]


class AnthropicTool(msgspec.Struct):
    """A tool that the model may use."""

    name: NonEmpty
    description: str | None = None
    input_schema: dict[str, Any] | None = None


Turns = Annotated[list[AnthropicMessage], msgspec.Meta(min_length=1)]


class CountTokensRequest(Body, kw_only=True):
    """``/v1/messages/count_tokens``."""

    messages: Turns
    system: str | list[Part] | None = None
    tools: list[AnthropicTool] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None

    def check(self) -> None:
        """Raise an Invalid for a turn that says nothing."""
        _check_turns(self.messages)


class MessagesRequest(StreamedBody, kw_only=True):
    """``/v1/messages``."""

    messages: Turns
    max_tokens: Count
    system: str | list[Part] | None = None
    stop_sequences: list[str] | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    tools: list[AnthropicTool] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    def check(self) -> None:
        """Raise an Invalid for a turn that says nothing."""
        _check_turns(self.messages)


def _check_turns(messages: list[AnthropicMessage]) -> None:
    for at, message in enumerate(messages):
        # The last turn may be the assistant's, for the model to go on from.
        if not message.content and (message.role != "assistant" or at < len(messages) - 1):
            raise wrong(f"messages[{at}].content", "is empty; a turn says something")
