"""What the gateway checks of an OpenAI request body; every other field goes to the engine as it came."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

from deployments.errors import Invalid
from deployments.request import Endpoint, Request

MAX_PROMPTS = 1024
_MAX_TOKENS = 2**31 - 1
_MAX_REASON_CHARS = 300

_AT = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_MISSING = re.compile(r"^Object missing required field `(\w+)`")

Count = Annotated[int, msgspec.Meta(ge=1, le=_MAX_TOKENS)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Common(msgspec.Struct, kw_only=True):
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=-1, le=_MAX_TOKENS)] | None = None
    min_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    max_tokens: Count | None = None
    min_tokens: Annotated[int, msgspec.Meta(ge=0, le=_MAX_TOKENS)] | None = None
    stop: str | list[str] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, msgspec.Meta(gt=0)] | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None
    ignore_eos: bool | None = None


class _Part(msgspec.Struct):
    type: NonEmpty
    text: str | None = None


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part | str] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class _Chat(_Common, kw_only=True):
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=-1, le=1000)] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None


class _Completion(_Common, kw_only=True):
    prompt: str | list[str | int | list[int]]
    echo: bool | None = None
    suffix: str | None = None
    best_of: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=-1, le=1000)] | None = None


def parse(endpoint: Endpoint, body: dict[str, Any]) -> Request:
    """Return the request that *body* makes; raises an Invalid whose ``param`` is the field at fault.

    ``model`` is empty where the client left the choice to the default.
    """
    checked = _convert(endpoint, body)
    if isinstance(checked, _Chat):
        _check_messages(checked.messages)
    else:
        _check_prompt(checked.prompt)
    return Request(endpoint=endpoint, model=checked.model or "", body=body, stream=bool(checked.stream))


def _convert(endpoint: Endpoint, body: dict[str, Any]) -> _Chat | _Completion:
    kind: type[_Chat] | type[_Completion] = _Chat if endpoint == "chat" else _Completion
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None


def _invalid(message: str) -> Invalid:
    """Turn msgspec's ``Expected `int`, got `str` - at `$.n` `` into a message that begins with the field."""
    at = _AT.search(message)
    reason = _AT.sub("", message)[:_MAX_REASON_CHARS]
    field = (at[1] if at else "").replace("[...]", "")
    missing = _MISSING.match(reason)
    if missing:
        field, reason = ".".join(part for part in (field, missing[1]) if part), "is missing"
    return Invalid(f"{field}: {reason}" if field else reason, param=field or None)


def _check_messages(messages: list[_Message]) -> None:
    for at, message in enumerate(messages):
        if message.content is None and message.role not in ("assistant", "function"):
            field = f"messages[{at}].content"
            raise Invalid(f"{field}: is missing; a {message.role} message says something", param=field)
        if message.content == []:
            field = f"messages[{at}].content"
            raise Invalid(f"{field}: is empty; give at least one part", param=field)


def _check_prompt(prompt: str | list[str | int | list[int]]) -> None:
    if not prompt:
        raise Invalid("prompt: is empty", param="prompt")
    if isinstance(prompt, str):
        return
    kinds = {type(item) for item in prompt}
    if len(kinds) > 1:
        raise Invalid("prompt: mixes strings, token ids and lists; use one kind", param="prompt")
    if kinds != {int} and not all(prompt):
        raise Invalid("prompt: one of the prompts is empty", param="prompt")
    if kinds != {int} and len(prompt) > MAX_PROMPTS:
        raise Invalid(f"prompt: holds {len(prompt)} prompts; send at most {MAX_PROMPTS} at once", param="prompt")
