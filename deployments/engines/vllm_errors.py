"""Translate what vLLM raises or answers into the error tree."""

from __future__ import annotations

import re

from aiohttp import ClientError
from PIL.Image import DecompressionBombError
from pydantic import ValidationError
from vllm.entrypoints.serve.exception_handling.error_response import create_error_response
from vllm.entrypoints.serve.exception_handling.handlers.validation import clean_loc_for_param
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

from deployments.engines.wire_fields import WireError
from deployments.errors import ContextTooLong, EngineFailed, Invalid, NotFound, Overloaded, ServingError
from deployments.request import Endpoint

_SUFFIX = re.compile(r" \((?:parameter|value)=.*\)$", re.DOTALL)
# vLLM checks many sampling parameters in sentences that begin with the name and give it nowhere else.
_SUBJECT = re.compile(r"`?([a-z]\w*)`? (?:must|cannot|should|has to)\b")
_SIGNS = (
    ("empty conversation", "messages"),
    ("tool choice requires", "tool_choice"),
    ("TextEncodeInput", None),  # what the tokenizer says to text that is not Unicode
    ("Failed to load image", None),
    ("base64", None),
    ("Incorrect padding", None),
    ("Image dimensions", None),
)
_PROMPT_FIELD: dict[Endpoint, str] = {
    "chat": "messages",
    "completion": "prompt",
    "responses": "input",
    "response": "response_id",
    "response_cancel": "response_id",
    "messages": "messages",
    "count_tokens": "messages",
    "embeddings": "input",
    "score": "queries",
    "rerank": "documents",
    "tokenize": "prompt",
    "detokenize": "tokens",
}

_ANTHROPIC: frozenset[Endpoint] = frozenset({"messages", "count_tokens"})


def of_exception(error: Exception, name: str, endpoint: Endpoint) -> ServingError:
    """Return the error that a client of the engine *name* is told for *error*."""
    if isinstance(error, ServingError):
        return error
    if isinstance(error, ValidationError):
        return _of_validation(error, endpoint)
    if isinstance(error, DecompressionBombError | ClientError):
        return _of_media(error, _PROMPT_FIELD[endpoint])
    if isinstance(error, EngineDeadError | EngineGenerateError):
        cause = f": {error.__cause__}" if error.__cause__ else ""
        return EngineFailed(f"{name}: the engine failed while it held the request{cause}")
    info = create_error_response(error).error
    return of_wire(WireError(message=info.message, code=info.code, param=info.param), name, endpoint)


def of_wire(error: WireError, name: str, endpoint: Endpoint) -> ServingError:
    """Return the error for an error object of vLLM's, whose code is an HTTP status."""
    message = _SUFFIX.sub("", error.message)
    if endpoint in _ANTHROPIC:
        # It is answered as a chat, whose limit has another name.
        message = message.replace("max_completion_tokens", "max_tokens")
    code = error.code if isinstance(error.code, int) else 500
    if endpoint == "messages" and error.code is None:
        # In a stream of messages vLLM reports that it could not read its own chat's error, and not the error.
        return EngineFailed(f"{name}: the engine failed while it held the request")
    if code == 404 and error.param == "response_id":  # noqa: PLR2004
        field = "previous_response_id" if endpoint == "responses" else error.param
        return NotFound(f"{field}: {message}", param=field)
    if code == 503:  # noqa: PLR2004 - the status that vLLM gives to admission control
        return Overloaded(f"{name}: {message}", retry_after_s=1.0)
    if code >= 500 and code != 501:  # noqa: PLR2004
        return EngineFailed(f"{name}: {message}")
    if error.param in {"input_tokens", "input_text"}:
        field = _PROMPT_FIELD[endpoint]
        return ContextTooLong(f"{field}: {message}", param=field)
    if "cannot be greater than max_model_len" in message or "exceeds model's maximum context" in message:
        limit = "max_tokens" if endpoint in _ANTHROPIC else error.param
        return ContextTooLong(message, param=limit or _PROMPT_FIELD[endpoint])
    return _invalid(error.param or _named(message, endpoint), message)


def _named(message: str, endpoint: Endpoint) -> str | None:
    if subject := _SUBJECT.match(message):
        return subject[1]
    return next((field or _PROMPT_FIELD[endpoint] for sign, field in _SIGNS if sign in message), None)


def _invalid(field: str | None, message: str) -> Invalid:
    return Invalid(f"{field}: {message}" if field and not message.startswith(field) else message, param=field)


def _of_media(error: Exception, field: str) -> Invalid:
    reason = "could not be fetched" if isinstance(error, ClientError) else "has too many pixels"
    return Invalid(f"{field}: an image {reason}: {error}", param=field)


def _of_validation(error: ValidationError, endpoint: Endpoint) -> Invalid:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # Where text or a list is taken, the complaint that goes deepest is about what was meant.
    first = max(found, key=lambda line: len(line["loc"])) if endpoint in _ANTHROPIC else found[0]
    path = clean_loc_for_param(first["loc"]).split(".")
    # A union's branch is named after its class, which means nothing to a client.
    field = ".".join(part for part in path if not part[:1].isupper()) or None
    if endpoint == "responses" and field == "input":
        return _invalid(field, "one of its items is of no known type, or lacks what its type needs")
    return _invalid(field, first["msg"])
