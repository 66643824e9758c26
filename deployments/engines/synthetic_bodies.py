"""The fields of each endpoint's body that a synthetic engine reads.

Sampling parameters are checked and then ignored; tools and response formats are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from deployments.errors import Invalid
from deployments.request import Endpoint

Count = Annotated[int, msgspec.Meta(ge=1)]


class _Common(msgspec.Struct, kw_only=True):
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    seed: int | None = None
    ignore_eos: bool = False
    n: int | None = 1

    @property
    def include_usage(self) -> bool:
        """Say whether a stream is to report its usage in an event of its own."""
        return False

    def prompt(self) -> tuple[str, str | list[int]]:
        """Return the field that holds the prompt, and what it says."""
        raise NotImplementedError

    def limit(self) -> tuple[str, int | None]:
        """Return the field that limits the answer, and the limit in tokens."""
        raise NotImplementedError


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _OpenAI(_Common, kw_only=True):
    max_tokens: Count | None = None
    stop: str | list[str] | None = None
    stream_options: _StreamOptions | None = None

    @property
    def include_usage(self) -> bool:
        """Say whether the client asked for it."""
        return self.stream_options is not None and self.stream_options.include_usage

    def limit(self) -> tuple[str, int | None]:
        """Return the limit of both endpoints."""
        return "max_tokens", self.max_tokens


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any] | str] | None = None


class Chat(_OpenAI, kw_only=True):
    """Of a chat."""

    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    max_completion_tokens: Count | None = None

    def prompt(self) -> tuple[str, str | list[int]]:
        """Return the messages, each with its role."""
        return "messages", "\n".join(_turns(self.messages))

    def limit(self) -> tuple[str, int | None]:
        """Return the newer name's limit, or the older one's."""
        if self.max_completion_tokens is not None:
            return "max_completion_tokens", self.max_completion_tokens
        return super().limit()


class Completion(_OpenAI, kw_only=True):
    """Of a completion."""

    prompt_: str | list[str | int] = msgspec.field(name="prompt")

    def prompt(self) -> tuple[str, str | list[int]]:
        """Return the one prompt."""
        if isinstance(self.prompt_, str):
            return "prompt", self.prompt_
        ids = [token for token in self.prompt_ if isinstance(token, int)]
        if ids and len(ids) == len(self.prompt_):
            return "prompt", ids
        raise Invalid("prompt: must be a string or one list of token ids; send one request a prompt", param="prompt")


class _Item(msgspec.Struct):
    role: str = ""
    content: str | list[dict[str, Any] | str] | None = None


class Responses(_Common, kw_only=True):
    """Of a response."""

    input: str | list[_Item]
    instructions: str | None = None
    max_output_tokens: Count | None = None
    background: bool | None = None

    def prompt(self) -> tuple[str, str | list[int]]:
        """Return instructions and input."""
        said = [self.input] if isinstance(self.input, str) else _turns(self.input)
        return "input", "\n".join([*([self.instructions] if self.instructions else []), *said])

    def limit(self) -> tuple[str, int | None]:
        """Return the limit."""
        return "max_output_tokens", self.max_output_tokens


class Messages(_Common, kw_only=True):
    """Of Anthropic's messages, and of their count where there is no limit."""

    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    system: str | list[dict[str, Any] | str] | None = None
    max_tokens: Count | None = None

    def prompt(self) -> tuple[str, str | list[int]]:
        """Return the system's words and every turn."""
        return "messages", "\n".join([*([_text(self.system)] if self.system else []), *_turns(self.messages)])

    def limit(self) -> tuple[str, int | None]:
        """Return the limit."""
        return "max_tokens", self.max_tokens


Generating = Chat | Completion | Responses | Messages
GENERATING: Mapping[Endpoint, type[Generating]] = {
    "chat": Chat,
    "completion": Completion,
    "responses": Responses,
    "messages": Messages,
    "count_tokens": Messages,
}


def _turns(messages: list[_Message] | list[_Item]) -> Iterator[str]:
    return (f"{message.role}: {_text(message.content)}" for message in messages)


def _text(content: str | list[dict[str, Any] | str] | None) -> str:
    if isinstance(content, list):
        return "\n".join(part if isinstance(part, str) else str(part.get("text", "")) for part in content)
    return content or ""
