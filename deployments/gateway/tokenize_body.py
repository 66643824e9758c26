"""What the gateway checks of the bodies that ask for tokens without a model's work."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from deployments.gateway.checked import Body, wrong
from deployments.gateway.openai_body import ChatMessage, check_messages
from deployments.gateway.prompt_input import TokenId


class TokenizeRequest(Body, kw_only=True):
    """``/tokenize``: of a bare prompt, or of a chat as its template renders it."""

    prompt: str | None = None
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)] | None = None
    add_special_tokens: bool | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    return_token_strs: bool | None = None
    tools: list[dict[str, Any]] | None = None

    def check(self) -> None:
        """Raise an Invalid unless there is one thing to tokenize."""
        if self.messages is not None:
            check_messages(self.messages)
        elif self.prompt is None:
            raise wrong("prompt", "is missing; give a prompt, or the messages of a chat")
        if self.prompt is not None and self.messages is not None:
            raise wrong("prompt", "is given beside messages; give one of them")


class DetokenizeRequest(Body, kw_only=True):
    """``/detokenize``."""

    tokens: list[TokenId]
