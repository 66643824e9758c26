"""model: the leaf of every graph; hands the request to its pool and keeps count of the demand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from functools import partial

from deployments.adapters import split_name
from deployments.cost.costs import Costs
from deployments.errors import StaysLocal
from deployments.graph.begun import Begun
from deployments.graph.closing import closing
from deployments.graph.features import read_prompt
from deployments.graph.tokens import estimate_tokens
from deployments.graph.transport import Leaving, Transport
from deployments.request import Context, Frame, Request
from deployments.telemetry.demand import Demand


class ModelNode:
    """Answers from one pool of engines, with an adapter where *name* is ``pool:adapter``; the body names both."""

    def __init__(self, name: str, transport: Transport, demand: Demand, costs: Costs | None = None) -> None:
        self._name = name
        self._pool, self._adapter = split_name(name)
        self._transport = transport
        self._demand = demand
        self._costs = costs or Costs()
        self._leaving = transport if isinstance(transport, Leaving) else None

    @property
    def _away(self) -> bool:
        """Say whether the pool is another server's."""
        return self._leaving is not None and self._leaving.leaves(self._pool)

    def __call__(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the pool's answer."""
        if context.standing.stays_local and self._away:
            return self._refused()
        if context.account is None or not context.charged:
            return self._answer(request, context)
        # Outside of what counts the demand: who may not ask says nothing of the pool.
        answer, blind = partial(self._answer, context=context), self._away and not request.stream
        return Begun(partial(context.account.over, self._pool, request, answer, blind=blind))

    async def _refused(self) -> AsyncGenerator[Frame]:
        # Before anything is counted, held or searched for an answer that cannot be asked for.
        raise StaysLocal.at(self._name)
        yield Frame(data=b"")  # what makes it a stream

    async def _answer(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        body = {**request.body, "model": self._name}
        named = replace(request, model=self._pool, adapter=self._adapter, body=body)
        with self._demand.track(
            self._pool, context.path, group=context.group, size=partial(prompt_size, request), charged=context.charged
        ) as tracked:
            async with closing(self._transport.stream(self._pool, named, context.enter(self._name))) as frames:
                charging = self._costs.begin(self._name, context)
                try:
                    async for frame in frames:
                        tracked.saw(frame.tokens, frame.prompt_tokens, begins=frame.head is not None)
                        if frame.prompt_tokens is not None:
                            charging.reported(frame, tracked.output)
                        yield frame
                finally:
                    charging.broke_off(tracked)


def prompt_size(request: Request) -> int:
    """Estimate the tokens of a request's prompt."""
    prompt = read_prompt(request)
    return estimate_tokens(prompt.text) + prompt.token_ids
