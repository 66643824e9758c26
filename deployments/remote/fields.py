"""Read what nodes look at out of a remote model's answers: text, tokens, usage, the end, log-probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from deployments.engines import messages_fields
from deployments.request import Endpoint

_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one event or body says.

    ``tokens`` counts the choices that grew, a token each unless log-probabilities tell the number. ``completion`` and
    ``prompt`` are the usage where it is reported; ``bare`` says that there is nothing else in the event. ``error`` is
    the message of a failure, ``code`` its code.
    """

    text: str = ""
    tokens: int = 0
    finish_reason: str | None = None
    logprob: float = 0.0
    margin: float = 0.0
    prompt: int | None = None
    completion: int | None = None
    bare: bool = False
    done: bool = False
    error: str | None = None
    code: int | str | None = None


class _Top(msgspec.Struct):
    logprob: float = 0.0


class _Token(msgspec.Struct):
    logprob: float = 0.0
    top_logprobs: list[_Top] = []


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class _Content(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[msgspec.Raw] | None = None
    function_call: msgspec.Raw | None = None

    @property
    def grew(self) -> bool:
        """Say whether the model said something, in words or in calls."""
        return any((self.content, self.reasoning, self.reasoning_content, self.refusal, self.tool_calls)) or (
            self.function_call is not None and self.function_call != b"null"
        )


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Content | None = None
    message: _Content | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Object(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


class _Begun(msgspec.Struct):
    usage: _Usage | None = None


class _Message(msgspec.Struct):
    message: _Begun | None = None
    usage: _Usage | None = None


_object, _message = msgspec.json.Decoder(_Object), msgspec.json.Decoder(_Message)


def of_payload(data: bytes) -> Said:
    """Read an object of a chat, a completion, or a pooling endpoint, streamed or whole; raises msgspec's errors."""
    if data == _DONE:
        return Said(done=True)
    read = _object.decode(data)
    if read.error:
        return _failed(read.error)
    prompt, completion = _usage(read.usage)
    choices = read.choices or []
    first = next((choice for choice in choices if choice.index == 0), None)
    logprob, margin, counted = _judged(first.logprobs if first is not None else None)
    return Said(
        text=_text(first) if first is not None else "",
        tokens=max(counted, sum(map(_grew, choices))),
        finish_reason=first.finish_reason if first is not None else None,
        logprob=logprob,
        margin=margin,
        prompt=prompt,
        completion=completion,
        bare=not choices and read.usage is not None,
    )


def of_message(event: bytes, data: bytes) -> Said:
    """Read an event of Anthropic's messages; raises msgspec's errors."""
    fields = messages_fields.of_event(event.replace(b"\r", b"").strip())
    if fields.error is not None:
        return Said(error=fields.error.message, code=fields.error.code)
    read = _message.decode(data) if b'"usage"' in data else _Message()
    begun, _ = _usage(read.message.usage if read.message is not None else None)
    prompt, completion = _usage(read.usage)
    return Said(
        text=fields.text,
        tokens=int(bool(fields.text)),
        finish_reason=fields.finish_reason,
        prompt=begun if begun is not None else prompt,
        completion=completion,
        done=fields.done,
    )


def of_whole(endpoint: Endpoint, body: bytes) -> Said:
    """Read a body; raises msgspec's errors."""
    if endpoint != "messages":
        return of_payload(body)
    fields, (prompt, completion) = messages_fields.of_body(body), _usage(_message.decode(body).usage)
    return Said(text=fields.text, finish_reason=fields.finish_reason, prompt=prompt, completion=completion)


def _text(choice: _Choice) -> str:
    content = choice.delta or choice.message
    return (content.content if content is not None else choice.text) or ""


def _grew(choice: _Choice) -> bool:
    content = choice.delta or choice.message
    return bool(choice.text) or (content is not None and content.grew)


def _usage(usage: _Usage | None) -> tuple[int | None, int | None]:
    if usage is None:
        return None, None
    prompt = usage.prompt_tokens if usage.prompt_tokens is not None else usage.input_tokens
    return prompt, usage.completion_tokens if usage.completion_tokens is not None else usage.output_tokens


def _judged(told: _Logprobs | None) -> tuple[float, float, int]:
    """Return the sum of the tokens' log-probabilities, the sum of their margins, and the number of tokens."""
    if told is None:
        return 0.0, 0.0, 0
    if told.content is not None:
        margins = (_margin(top.logprob for top in token.top_logprobs) for token in told.content)
        return sum(token.logprob for token in told.content), sum(margins), len(told.content)
    values = [value for value in told.token_logprobs or () if value is not None]
    tops = (top for top in told.top_logprobs or () if top)
    return sum(values), sum(_margin(top.values()) for top in tops), len(values)


def _margin(logprobs: Iterable[float]) -> float:
    best = sorted(logprobs, reverse=True)[:2]
    return best[0] - best[1] if len(best) > 1 else 0.0


def _failed(error: Any) -> Said:
    if isinstance(error, Mapping):
        code = error.get("code")
        return Said(error=str(error.get("message") or "an error"), code=code if isinstance(code, int | str) else None)
    return Said(error=str(error))
