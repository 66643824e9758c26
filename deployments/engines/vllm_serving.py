"""vLLM's own serving layer, called in this process.

Its handlers are called rather than its HTTP application: rendering, chat templates, tool parsers and detokenising are
in the handlers, while the application's error handlers want the uvicorn server that they would shut down.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import State
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.v1.engine.async_llm import AsyncLLM

from deployments.engines.vllm_errors import of_exception, of_wire
from deployments.engines.wire_fields import WireError
from deployments.request import Endpoint, Request


@dataclass(frozen=True, slots=True)
class _Route:
    body: type[BaseModel]
    handler: str
    method: str


_ROUTES: dict[Endpoint, _Route] = {
    "chat": _Route(ChatCompletionRequest, "openai_serving_chat", "create_chat_completion"),
    "completion": _Route(CompletionRequest, "openai_serving_completion", "create_completion"),
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
        return cls(state, name)

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
            return result.model_dump_json().encode()
        return result  # type: ignore[no-any-return]

    async def _call(self, request: Request, request_id: str) -> Any:
        route = _ROUTES[request.endpoint]
        body = {**request.body, "model": self._name, "stream": request.stream, "request_id": request_id}
        handler = getattr(self._state, route.handler)
        if handler is None:
            raise NotImplementedError(f"the model does not answer {request.endpoint} requests")
        return await getattr(handler, route.method)(route.body.model_validate(body), None)
