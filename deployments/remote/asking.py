"""What is sent to a remote model: the client's own body, under the name that the model has there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.remote.spec import RemoteEndpoint
from deployments.request import Request

PATHS: Mapping[RemoteEndpoint, str] = {
    "chat": "/chat/completions",
    "completion": "/completions",
    "messages": "/messages",
    "count_tokens": "/messages/count_tokens",
    "embeddings": "/embeddings",
    "score": "/score",
    "rerank": "/rerank",
}
_STREAM_OPTIONS = frozenset({"chat", "completion"})
# Those that compute something of a prompt, and whose bodies have a field for it.
SALTED = frozenset(PATHS) - {"count_tokens"}
_ANTHROPIC = frozenset({"messages", "count_tokens"})
_ANTHROPIC_VERSION = "2023-06-01"
# The margin of a token is that of the two likeliest.
JUDGED_TOP = 2


def body_of(request: Request, model: str) -> dict[str, Any]:
    """Return the body to send; it also asks for what frames tell and the client did not ask for."""
    body = {**request.body, "model": model}
    if request.stream and request.endpoint in _STREAM_OPTIONS:
        body["stream_options"] = {**_stream_options(request), "include_usage": True}
    if request.judged and request.endpoint == "chat":
        body |= {"logprobs": True, "top_logprobs": max(JUDGED_TOP, request.body.get("top_logprobs") or 0)}
    if request.judged and request.endpoint == "completion":
        body["logprobs"] = max(JUDGED_TOP, request.body.get("logprobs") or 0)
    return body


def own_salt(request: Request) -> str | None:
    """Return the salt that the client gave the request itself."""
    own = request.body.get("cache_salt")
    return own if isinstance(own, str) else None


def wants_usage(request: Request) -> bool:
    """Say whether the client of a stream asks for its usage."""
    return bool(_stream_options(request).get("include_usage"))


def headers_of(request: Request, key: str | None, call_id: str) -> dict[str, str]:
    """Return the headers to send; none of the client's are among them."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if request.stream else "application/json",
        "accept-encoding": "identity",
        "x-request-id": call_id,
    }
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    if request.endpoint in _ANTHROPIC:
        headers |= {"anthropic-version": _ANTHROPIC_VERSION} | ({"x-api-key": key} if key is not None else {})
    return headers


def _stream_options(request: Request) -> Mapping[str, Any]:
    """Return the options of a stream; where an endpoint knows none, the field may hold anything."""
    told = request.body.get("stream_options") if request.endpoint in _STREAM_OPTIONS else None
    return told if isinstance(told, Mapping) else {}
