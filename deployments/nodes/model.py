"""model: the leaf of every graph; hands the request to its pool and keeps count of the demand."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial

from deployments.adapters import split_name
from deployments.graph.closing import closing
from deployments.graph.features import read_prompt
from deployments.graph.tokens import estimate_tokens
from deployments.graph.transport import Transport
from deployments.request import Context, Frame, Request
from deployments.telemetry.demand import Demand


class ModelNode:
    """Answers from one pool of engines, with an adapter where *name* is ``pool:adapter``; the body names both."""

    def __init__(self, name: str, transport: Transport, demand: Demand) -> None:
        self._name = name
        self._pool, self._adapter = split_name(name)
        self._transport = transport
        self._demand = demand

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the pool's answer."""
        body = {**request.body, "model": self._name}
        named = replace(request, model=self._pool, adapter=self._adapter, body=body)
        with self._demand.track(
            self._pool, context.path, group=context.group, size=partial(prompt_size, request), charged=context.charged
        ) as tracked:
            async with closing(self._transport.stream(self._pool, named, context.enter(self._name))) as frames:
                async for frame in frames:
                    tracked.saw(frame.tokens, frame.prompt_tokens)
                    yield frame


def prompt_size(request: Request) -> int:
    """Estimate the tokens of a request's prompt."""
    prompt = read_prompt(request)
    return estimate_tokens(prompt.text) + prompt.token_ids
