"""vLLM's own serving layer, called in this process.

Its handlers are called rather than its HTTP application: rendering, chat templates, tool parsers and detokenising are
in the handlers, while the application's error handlers want the uvicorn server that they would shut down.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter
from starlette.datastructures import State
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from vllm.entrypoints.anthropic.protocol import AnthropicCountTokensRequest, AnthropicMessagesRequest
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.openai.models.serving import OpenAIServingModels
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
from vllm.entrypoints.pooling.embed.protocol import EmbeddingRequest
from vllm.entrypoints.pooling.scoring.protocol import RerankRequest, ScoreRequest
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.tokenize.protocol import DetokenizeRequest, TokenizeRequest
from vllm.v1.engine.async_llm import AsyncLLM

from deployments.adapters import served_name
from deployments.engines.vllm_errors import of_exception, of_wire
from deployments.engines.vllm_responses import Lookup, VllmResponses
from deployments.engines.wire_fields import WireError
from deployments.errors import Invalid
from deployments.request import Endpoint, Request

_RESPONSES = "tercet_responses"


@dataclass(frozen=True, slots=True)
class _Route:
    body: TypeAdapter[Any]
    handler: str
    method: str = "__call__"
    dumped: Mapping[str, Any] = field(default_factory=dict)
    id_in_header: bool = False


_ALIASED = {"by_alias": True}
_SPARSE = {"exclude_none": True}
_ROUTES: dict[Endpoint, _Route] = {
    "chat": _Route(TypeAdapter(ChatCompletionRequest), "openai_serving_chat", "create_chat_completion"),
    "completion": _Route(TypeAdapter(CompletionRequest), "openai_serving_completion", "create_completion"),
    "responses": _Route(TypeAdapter(ResponsesRequest), _RESPONSES, "create", _ALIASED),
    "response": _Route(TypeAdapter(Lookup), _RESPONSES, "retrieve", _ALIASED),
    "response_cancel": _Route(TypeAdapter(Lookup), _RESPONSES, "cancel", _ALIASED),
    "messages": _Route(
        TypeAdapter(AnthropicMessagesRequest),
        "anthropic_serving_messages",
        "create_messages",
        _SPARSE,
        id_in_header=True,
    ),
    "count_tokens": _Route(
        TypeAdapter(AnthropicCountTokensRequest), "anthropic_serving_messages", "count_tokens", _SPARSE
    ),
    "embeddings": _Route(TypeAdapter(EmbeddingRequest), "serving_embedding"),
    "score": _Route(TypeAdapter(ScoreRequest), "serving_scores"),
    "rerank": _Route(TypeAdapter(RerankRequest), "serving_scores"),
    "tokenize": _Route(TypeAdapter(TokenizeRequest), "serving_tokenization", "create_tokenize"),
    "detokenize": _Route(TypeAdapter(DetokenizeRequest), "serving_tokenization", "create_detokenize"),
}


class VllmServing:
    """Answers wire bodies with what vLLM's server would send, as events or as one body."""

    def __init__(self, state: State, name: str) -> None:
        self._state = state
        self._name = name

    @classmethod
    async def create(cls, llm: AsyncLLM, arguments: Namespace, name: str) -> VllmServing:
        """Build the handlers around a running engine."""
        state = State()
        await init_app_state(llm, state, arguments, await llm.get_supported_tasks())
        if responses := getattr(state, "openai_serving_responses", None):
            setattr(state, _RESPONSES, VllmResponses(responses))
        return cls(state, name)

    @property
    def models(self) -> OpenAIServingModels:
        """Return the names that the handlers know, adapters included."""
        return self._state.openai_serving_models

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        """Return what this model answers."""
        return frozenset(one for one, route in _ROUTES.items() if getattr(self._state, route.handler, None))

    async def close(self) -> None:
        """End what runs without anyone waiting for it."""
        if responses := getattr(self._state, _RESPONSES, None):
            await responses.close()

    async def answer(self, request: Request, request_id: str) -> bytes | AsyncGenerator[str, None]:
        """Return the whole body, or an open stream of server-sent events; raises a ServingError."""
        try:
            result = await self._call(request, request_id)
        except Exception as error:
            raise of_exception(error, self._name, request.endpoint) from error
        if isinstance(result, ErrorResponse):
            info = result.error
            told = WireError(message=info.message, code=info.code, param=info.param)
            raise of_wire(told, self._name, request.endpoint)
        if isinstance(result, BaseModel):
            return result.model_dump_json(**_ROUTES[request.endpoint].dumped).encode()
        if isinstance(result, Response):
            return bytes(result.body)
        return result  # type: ignore[no-any-return]

    async def _call(self, request: Request, request_id: str) -> Any:
        route = _ROUTES[request.endpoint]
        model = served_name(self._name, request.adapter)
        given = {name: value for name, value in request.body.items() if value is not None}
        body = {**given, "model": model, "stream": request.stream, "request_id": request_id}
        handler = getattr(self._state, route.handler, None)
        if handler is None:
            raise Invalid(f"model: {self._name} does not answer {request.endpoint} requests", param="model")
        http = _http(request_id) if route.id_in_header else None
        return await getattr(handler, route.method)(route.body.validate_python(body), http)


def _http(request_id: str) -> HttpRequest:
    """Return an HTTP request that says no more than its id, for a body that has no field for it."""
    name = request_id.encode("latin-1", "replace")
    return HttpRequest({"type": "http", "headers": [(b"x-request-id", name)], "state": {}})
