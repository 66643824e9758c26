"""Every endpoint that a model answers: where it is reached, what its body is checked by, and which models can do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deployments.errors import Invalid
from deployments.gateway.checked import Body, checked
from deployments.gateway.messages_body import CountTokensRequest, MessagesRequest
from deployments.gateway.openai_body import ChatCompletionRequest, CompletionRequest
from deployments.gateway.pooling_body import EmbeddingsRequest, RerankRequest, ScoreRequest
from deployments.gateway.responses_body import ResponsesRequest
from deployments.gateway.tokenize_body import DetokenizeRequest, TokenizeRequest
from deployments.request import Endpoint, Request

Work = Literal["generate", "pooling"]
_BOTH: frozenset[Work] = frozenset({"generate", "pooling"})
_GENERATE: frozenset[Work] = frozenset({"generate"})
_POOLING: frozenset[Work] = frozenset({"pooling"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """One endpoint; the first of ``paths`` is its name, the others are what some clients call it.

    ``body`` is None where the path says everything. ``works`` are the kinds of models that can do it.
    """

    paths: tuple[str, ...]
    summary: str
    works: frozenset[Work] = _GENERATE
    body: type[Body] | None = None
    method: Literal["GET", "POST"] = "POST"


SURFACES: Mapping[Endpoint, Surface] = {
    "chat": Surface(paths=("/v1/chat/completions",), summary="Answer a chat", body=ChatCompletionRequest),
    "completion": Surface(paths=("/v1/completions",), summary="Continue a text", body=CompletionRequest),
    "responses": Surface(paths=("/v1/responses",), summary="Create a response", body=ResponsesRequest),
    "response": Surface(paths=("/v1/responses/{response_id}",), summary="Retrieve a stored response", method="GET"),
    "response_cancel": Surface(
        paths=("/v1/responses/{response_id}/cancel",), summary="Cancel a response that runs in the background"
    ),
    "messages": Surface(paths=("/v1/messages",), summary="Answer a conversation", body=MessagesRequest),
    "count_tokens": Surface(
        paths=("/v1/messages/count_tokens",), summary="Count a conversation's tokens", body=CountTokensRequest
    ),
    "embeddings": Surface(paths=("/v1/embeddings",), summary="Embed texts", body=EmbeddingsRequest, works=_POOLING),
    "score": Surface(
        paths=("/v1/score", "/score"), summary="Score how alike texts are", body=ScoreRequest, works=_POOLING
    ),
    "rerank": Surface(
        paths=("/v1/rerank", "/rerank", "/v2/rerank"),
        summary="Rank documents by a query",
        body=RerankRequest,
        works=_POOLING,
    ),
    "tokenize": Surface(paths=("/tokenize",), summary="Turn text into tokens", body=TokenizeRequest, works=_BOTH),
    "detokenize": Surface(paths=("/detokenize",), summary="Turn tokens into text", body=DetokenizeRequest, works=_BOTH),
}


def parse(endpoint: Endpoint, body: dict[str, Any]) -> Request:
    """Return the request that *body* makes; raises an Invalid whose ``param`` is the field at fault.

    ``model`` is empty where the client left the choice to the default.
    """
    kind = SURFACES[endpoint].body
    if kind is None:
        raise Invalid(f"{endpoint} takes no body")
    read = checked(body, kind)
    return Request(endpoint=endpoint, model=read.model or "", body=body, stream=bool(getattr(read, "stream", False)))
