"""Which requests are the same, so that one answer is right for all of them, byte by byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from deployments.graph.tier import tier_of
from deployments.request import Context, Endpoint, Request

_CHAT = frozenset({
    "user", "safety_identifier", "metadata", "store", "service_tier", "priority", "request_id", "prompt_cache_key",
    "prompt_cache_retention",
})  # fmt: skip
_MESSAGES = frozenset({"metadata", "service_tier", "priority", "request_id"})
_POOLING = frozenset({"user", "priority", "request_id"})

# The endpoints whose answers can be shared, and the fields that say who asks, how urgently and for whose account. All
# other fields are part of the key, unknown ones too. A response repeats its fields in the answer, so all of them count.
ASIDE: Mapping[Endpoint, frozenset[str]] = {
    "chat": _CHAT,
    "completion": _CHAT,
    "messages": _MESSAGES,
    "responses": frozenset({"priority", "request_id"}),
    "count_tokens": _MESSAGES,
    "embeddings": _POOLING,
    "score": _POOLING,
    "rerank": _POOLING,
    "tokenize": frozenset(),
    "detokenize": frozenset(),
}
_SAMPLING = frozenset({"chat", "completion", "messages", "responses"})

# Headers that differ between two sendings of the same request. All others may be what a node further down chooses by.
_OF_ONE_CALL = frozenset({
    "baggage", "connection", "content-length", "date", "forwarded", "host", "idempotency-key", "keep-alive",
    "traceparent", "tracestate", "via", "x-request-id", "x-real-ip", "x-correlation-id",
})  # fmt: skip
_OF_ONE_CALL_BEGIN = ("x-forwarded-", "x-b3-", "x-stainless-")


def key_of(
    request: Request,
    context: Context,
    *,
    sampled: bool = False,
    without: frozenset[str] = frozenset(),
    of_account: bool = False,
) -> bytes | None:
    """Return what equal requests have in common; None where the answer is not to be shared.

    Requests that draw at random are shared only where *sampled*. Headers in *without* (lower case) do not count. Two
    branches of one request are never the same: whoever asks twice wants two answers. *of_account* as ``digest``.
    """
    if not _shareable(request) or not (sampled or repeatable(request)):
        return None
    aside = ASIDE[request.endpoint]
    return digest(request, context, aside=aside, without=without, of_account=of_account)


def digest(
    request: Request,
    context: Context,
    *,
    aside: frozenset[str],
    without: frozenset[str] = frozenset(),
    of_account: bool = False,
) -> bytes:
    """Return what is the same for requests that differ at most in the fields *aside* and the headers *without*.

    Requests *of_account* that are the same are of one key: what is under way for one runs on the account of whoever
    began it, and nobody pays for another, or is refused for it.
    """
    key = context.account.key if of_account and context.account is not None else ""
    fields = {name: value for name, value in request.body.items() if value is not None and name not in aside}
    headers = {name: value for name, value in context.headers.items() if name not in without and _counts(name)}
    told = (
        request.endpoint, request.model, request.adapter, request.replica, request.stream, request.traced,
        request.judged, context.tenant, key, context.branch, context.charged, tier_of(request, context), headers,
        fields,
    )  # fmt: skip
    return hashlib.blake2b(msgspec.json.encode(told, order="deterministic"), digest_size=32).digest()


def repeatable(request: Request) -> bool:
    """Say whether the request draws nothing at random, or says from which seed."""
    if request.endpoint not in _SAMPLING:
        return True
    return request.body.get("temperature") == 0 or request.body.get("seed") is not None


def _shareable(request: Request) -> bool:
    if request.endpoint not in ASIDE or request.resume is not None:
        return False
    # A stored response has an identity: whoever cancels or continues it means theirs.
    return request.endpoint != "responses" or (
        request.body.get("store") is False and not request.body.get("background")
    )


def _counts(header: str) -> bool:
    return header not in _OF_ONE_CALL and not header.startswith(_OF_ONE_CALL_BEGIN)
