"""The synthetic engine behind ray.serve.llm's engine protocol: the same frames at the same pace as everywhere else."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from ray.llm._internal.serve.core.engine.protocol import LLMEngine

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.request import Context, Request

FAR_S = 1e12


class PacedEngine(LLMEngine):  # type: ignore[misc]
    """What ray.serve.llm holds instead of its VLLMEngine; it streams chat completions and nothing else."""

    def __init__(self, llm_config: Any) -> None:
        spec = SyntheticSpec.model_validate_json(os.environ["TERCET_BENCHMARK_SPEC"])
        self._engine = SyntheticEngine(llm_config.model_id, llm_config.model_id, "paced", spec)

    async def start(self) -> None:
        """Begin to step."""
        await self._engine.start()

    async def chat(self, request: Any, raw_request_info: Any = None) -> AsyncGenerator[str, None]:  # noqa: ARG002
        """Stream *request* as vLLM's handlers would: one string of server-sent events a token."""
        body = request.model_dump(exclude_unset=True)
        call = Request(endpoint="chat", model=request.model, body=body, stream=True)
        context = Context(request_id=uuid.uuid4().hex, deadline_s=FAR_S, now=datetime.now(UTC))
        async for frame in self._engine.generate(call, context):
            yield frame.data.decode()

    async def completions(self, *_: Any) -> AsyncGenerator[str, None]:
        """Refuse: no benchmark asks for it."""
        raise NotImplementedError
        yield ""

    embeddings = transcriptions = completions

    def routing_stats(self) -> dict[str, Any]:
        """Tell the request router nothing."""
        return {}

    async def resolve_lora(self, lora_model: Any) -> None:
        """Refuse: there are no adapters."""
        raise NotImplementedError

    async def reset_prefix_cache(self) -> None:
        """Forget nothing: there is no cache."""
