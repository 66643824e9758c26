"""Translate what vLLM raises or answers into the error tree."""

from __future__ import annotations

import re

from pydantic import ValidationError
from vllm.entrypoints.serve.exception_handling.error_response import create_error_response
from vllm.entrypoints.serve.exception_handling.handlers.validation import clean_loc_for_param
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

from deployments.engines.wire_fields import WireError
from deployments.errors import ContextTooLong, EngineFailed, Invalid, Overloaded, ServingError
from deployments.request import Endpoint

_SUFFIX = re.compile(r" \((?:parameter|value)=.*\)$", re.DOTALL)
# vLLM checks many sampling parameters in sentences that begin with the name and give it nowhere else.
_SUBJECT = re.compile(r"`?([a-z]\w*)`? (?:must|cannot|should|has to)\b")
_SIGNS = (
    ("empty conversation", "messages"),
    ("tool choice requires", "tool_choice"),
    ("TextEncodeInput", None),  # what the tokenizer says to text that is not Unicode
)
_PROMPT_FIELD: dict[Endpoint, str] = {"chat": "messages", "completion": "prompt"}


def of_exception(error: Exception, name: str, endpoint: Endpoint) -> ServingError:
    """Return the error that a client of the engine *name* is told for *error*."""
    if isinstance(error, ServingError):
        return error
    if isinstance(error, ValidationError):
        return _of_validation(error)
    if isinstance(error, EngineDeadError | EngineGenerateError):
        cause = f": {error.__cause__}" if error.__cause__ else ""
        return EngineFailed(f"{name}: the engine failed while it held the request{cause}")
    info = create_error_response(error).error
    return of_wire(WireError(message=info.message, code=info.code, param=info.param), name, endpoint)


def of_wire(error: WireError, name: str, endpoint: Endpoint) -> ServingError:
    """Return the error for an error object of vLLM's, whose code is an HTTP status."""
    message = _SUFFIX.sub("", error.message)
    code = error.code if isinstance(error.code, int) else 500
    if code == 503:  # noqa: PLR2004 - the status that vLLM gives to admission control
        return Overloaded(f"{name}: {message}", retry_after_s=1.0)
    if code >= 500 and code != 501:  # noqa: PLR2004
        return EngineFailed(f"{name}: {message}")
    if error.param in {"input_tokens", "input_text"}:
        field = _PROMPT_FIELD[endpoint]
        return ContextTooLong(f"{field}: {message}", param=field)
    if "cannot be greater than max_model_len" in message or "exceeds model's maximum context" in message:
        return ContextTooLong(message, param=error.param or _PROMPT_FIELD[endpoint])
    return _invalid(error.param or _named(message, endpoint), message)


def _named(message: str, endpoint: Endpoint) -> str | None:
    if subject := _SUBJECT.match(message):
        return subject[1]
    return next((field or _PROMPT_FIELD[endpoint] for sign, field in _SIGNS if sign in message), None)


def _invalid(field: str | None, message: str) -> Invalid:
    return Invalid(f"{field}: {message}" if field and not message.startswith(field) else message, param=field)


def _of_validation(error: ValidationError) -> Invalid:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = clean_loc_for_param(first["loc"]).split(".")
    # A union's branch is named after its class, which means nothing to a client.
    return _invalid(".".join(part for part in path if not part[:1].isupper()) or None, first["msg"])
