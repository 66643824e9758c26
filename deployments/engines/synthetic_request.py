"""Read from a request what a synthetic engine needs, and refuse what a real engine would refuse.

Sampling parameters are checked and then ignored; tools and response formats are not looked at.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import ContextTooLong, Invalid
from deployments.request import Request

_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_AT = re.compile(r" - at `\$\.?([^`]*)`$")

Count = Annotated[int, msgspec.Meta(ge=1)]


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Common(msgspec.Struct):
    max_tokens: Count | None = None
    n: int | None = 1
    stream_options: _StreamOptions | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    ignore_eos: bool = False


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Chat(_Common, kw_only=True):
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    max_completion_tokens: Count | None = None


class _Completion(_Common, kw_only=True):
    prompt: str | list[str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request as a synthetic engine sees it; ``seed`` is the same for the same prompt."""

    prompt_tokens: int
    output_tokens: int
    finish_reason: str
    include_usage: bool
    seed: int


def count_tokens(text: str) -> int:
    """Count by rule: a CJK character is one token, of all else four characters are."""
    wide = len(_WIDE.findall(text))
    return max(1, wide + math.ceil((len(text) - wide) / 4))


def read(request: Request, spec: SyntheticSpec) -> Ask:
    """Return what *request* asks of an engine like *spec*.

    Raises Invalid or ContextTooLong, each naming the field.
    """
    body = _parse(request)
    if body.n not in (None, 1):
        raise Invalid(f"n: {body.n} is not supported by a synthetic engine; send the request {body.n} times", param="n")
    field, prompt, tokens = _prompt(body)
    limit_field, limit = _limit(body)
    room = _room(field, tokens, limit_field, limit, context=min(spec.max_model_len, spec.kv_tokens - 1))
    natural = limit if body.ignore_eos and limit else spec.output_tokens
    output = min(natural, room, limit or natural)
    return Ask(
        prompt_tokens=tokens,
        output_tokens=output,
        finish_reason="length" if output < spec.output_tokens or body.ignore_eos else "stop",
        include_usage=request.stream and body.stream_options is not None and body.stream_options.include_usage,
        seed=_seed(f"{spec.seed}\n{prompt}"),
    )


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())


def _parse(request: Request) -> _Chat | _Completion:
    kind: type[_Chat] | type[_Completion] = _Chat if request.endpoint == "chat" else _Completion
    try:
        return msgspec.convert(dict(request.body), kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def _invalid(message: str) -> Invalid:
    at = _AT.search(message)
    missing = re.search(r"required field `(\w+)`", message)
    path = ".".join(part for part in (at[1] if at else "", missing[1] if missing else "") if part)
    reason = _AT.sub("", message)
    return Invalid(f"{path}: {reason}" if path else reason, param=path or None)


def _prompt(body: _Chat | _Completion) -> tuple[str, str, int]:
    """Return the field that holds the prompt, its text, and its length in tokens."""
    if isinstance(body, _Chat):
        text = "\n".join(f"{message.role}: {_content(message)}" for message in body.messages)
        return "messages", text, count_tokens(text)
    if isinstance(body.prompt, str):
        return "prompt", body.prompt, count_tokens(body.prompt)
    if body.prompt and all(isinstance(token, int) for token in body.prompt):
        return "prompt", " ".join(map(str, body.prompt)), len(body.prompt)
    raise Invalid("prompt: must be a string or one list of token ids; send one request a prompt", param="prompt")


def _content(message: _Message) -> str:
    if isinstance(message.content, list):
        return "\n".join(str(part.get("text", "")) for part in message.content)
    return message.content or ""


def _limit(body: _Chat | _Completion) -> tuple[str, int | None]:
    if isinstance(body, _Chat) and body.max_completion_tokens is not None:
        return "max_completion_tokens", body.max_completion_tokens
    return "max_tokens", body.max_tokens


def _room(field: str, tokens: int, limit_field: str, limit: int | None, *, context: int) -> int:
    """Return how many tokens may be generated; as in vLLM, a limit below the context is cut to what is left of it."""
    if tokens >= context:
        raise ContextTooLong(
            f"{field}: {tokens} prompt tokens do not fit the model's context of {context}; shorten the prompt",
            param=field,
        )
    if limit is not None and limit > context:
        raise ContextTooLong(
            f"{limit_field}: {limit} is more than the model's context of {context}; ask for fewer tokens",
            param=limit_field,
        )
    return context - tokens
