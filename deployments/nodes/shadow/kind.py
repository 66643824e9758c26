"""shadow: a candidate is sent a share of the traffic, when and where no client notices.

What is mirrored was answered first: the candidate takes nothing of the time, the place in a queue or the budget of the
request that it repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from deployments.graph.closing import closing
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.record.heard import Heard
from deployments.nodes.shadow.mirror import Mirror
from deployments.nodes.shadow.spec import ShadowSpec
from deployments.nodes.split.hash import unit
from deployments.request import Context, Endpoint, Frame, Request

MIRRORED: frozenset[Endpoint] = frozenset({"chat", "completion", "responses", "messages"})
# A response that another one refers to lives in the replica that made it, and one in the background has no stream.
_BOUND = ("previous_response_id", "background")


class Running:
    """How many requests a shadow mirrors at the moment, under whichever settings they began."""

    def __init__(self) -> None:
        self.count = 0


class Shadow:
    """Answers from one node and mirrors to another."""

    def __init__(self, name: str, spec: ShadowSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        self._mirror = Mirror(name, spec, wiring)
        self._running = wiring.remembered(f"shadow {name}", Running, Running)

    def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the answer, and then have it compared with the candidate's."""
        answer = self._passed_on(request, context)
        return self._heard(answer, request, context) if self._is_mirrored(request, context) else answer

    async def _passed_on(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        with self._wiring.edge(self._name, self._spec.shadow):
            node = self._wiring.node(self._spec.shadow)
            async with closing(node(request, context.enter(self._name))) as frames:
                async for frame in frames:
                    yield frame

    async def _heard(
        self, answer: AsyncGenerator[Frame], request: Request, context: Context
    ) -> AsyncGenerator[Frame]:  # fmt: skip
        heard, whole = Heard(self._wiring.clock, text=True), False
        try:
            async with aclosing(answer) as frames:
                async for frame in frames:
                    heard.take(frame)
                    yield frame
            whole = True
        except (GeneratorExit, asyncio.CancelledError):
            whole = heard.whole
            raise
        finally:
            if whole:
                heard.end()
                self._start(request, context, heard)

    def _is_mirrored(self, request: Request, context: Context) -> bool:
        # What is not charged is a mirrored request itself, and not mirrored again.
        repeatable = request.endpoint in MIRRORED and not request.replica and not any(map(request.body.get, _BOUND))
        dealt = unit("shadow", self._name, context.request_id) < self._spec.share
        return repeatable and dealt and context.charged

    def _start(self, request: Request, context: Context, heard: Heard) -> None:
        if self._running.count >= self._spec.at_once:
            self._wiring.shadowed(self._name, "busy", None)
            return
        self._running.count += 1
        name = f"shadow {self._name} {context.request_id}"
        if not self._wiring.background.start(self._mirrored(_repeated(request), context, heard), name=name):
            self._running.count -= 1
            self._wiring.shadowed(self._name, "busy", None)

    async def _mirrored(self, request: Request, context: Context, heard: Heard) -> None:
        try:
            await self._mirror(request, context, heard)
        finally:
            self._running.count -= 1


def _repeated(request: Request) -> Request:
    """Return the candidate's copy, of which nothing is stored: nobody will ask for it."""
    body = {**request.body, "store": False} if request.endpoint == "responses" else request.body
    return replace(request, body=body, resume=None)


def plan(spec: ShadowSpec, subject: Subject) -> Plan:
    """Say who answers, and whether the request would be a candidate's too."""
    mirrored = subject.request.endpoint in MIRRORED
    told = f"mirrors {100 * spec.share:.3g} % to {spec.to} once answered, compared by {spec.compare}"
    return Plan(order=(spec.shadow,), why=(told if mirrored else f"mirrors no {subject.request.endpoint}",))


def build(name: str, spec: ShadowSpec, wiring: Wiring) -> Node:
    """Return the node that answers and mirrors."""
    return Shadow(name, spec, wiring)


KIND = Kind(spec=ShadowSpec, build=build, plan=plan)
