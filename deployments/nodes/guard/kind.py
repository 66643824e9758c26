"""guard: looks at what goes in and at what comes out, and blocks, masks, routes elsewhere or flags what it finds.

Words and patterns are looked for in streams as they pass, holding back no more than the longest of them; schemas and
judges, and answers that another node may have to give instead, need the whole.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial

from msgspec.structs import replace

from deployments.errors import ContentRefused, Invalid
from deployments.graph.begun import Begun
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.rewriting.alone import passing, without_tokens
from deployments.graph.rewriting.answer import Rewriting
from deployments.graph.speaking import SPOKEN
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.cascade.held import unjudgeable
from deployments.nodes.guard.inward import admitted
from deployments.nodes.guard.looks import ready
from deployments.nodes.guard.outward import Hold, Outward
from deployments.nodes.guard.spec import Check, GuardSpec
from deployments.request import Context, Frame, Request


class Guard:
    """Checks every request to one target, and every answer in words."""

    def __init__(self, name: str, spec: GuardSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        self._input = [ready(check) for check in spec.input]
        self._output = [ready(check) for check in spec.output]
        self._holds = any(check.holds for check in spec.output)

    def __call__(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the answer of the target, or of the node that a check sends the request to."""
        return Begun(partial(self._begun, request, context))

    async def _begun(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        asked = self._answerable(request)
        going = await admitted(self._name, self._input, asked, self._spec.guard, context, self._wiring)
        note = ", ".join(going.notes)
        if not self._output or request.endpoint not in SPOKEN:
            return self._passed(going.target, going.request, context, None, note)
        if self._holds:
            return self._held(going.target, going.request, context, note)
        return self._passed(going.target, going.request, context, self._outward(), note)

    def _answerable(self, request: Request) -> Request:
        """Return *request* for an answer that can be checked; raises Invalid where it asks for another."""
        if not self._spec.rewrites or request.endpoint not in SPOKEN:
            return request
        reason = unjudgeable(request) if self._holds else None
        if reason is not None:
            raise Invalid(f"model: {self._name} judges one whole answer, and this request {reason}", param="model")
        return without_tokens(passing(request, self._name), self._name)

    def _outward(self, asked: int = 1) -> Outward:
        return Outward(self._name, self._output, self._wiring, asked)

    async def _passed(
        self, target: str, request: Request, context: Context, outward: Outward | None, note: str = ""
    ) -> AsyncGenerator[Frame]:
        answer = None
        if outward is not None:
            answer = Rewriting(request.endpoint, stream=request.stream, writing=outward)
        with self._wiring.edge(self._name, target):
            async with closing(self._wiring.node(target)(request, context.enter(self._name))) as frames:
                async for frame in frames:
                    yield _noted(frame if answer is None else answer.frame(frame), note)
            last = None if answer is None else answer.end()
            if last is not None:
                yield last

    async def _held(self, target: str, request: Request, context: Context, note: str) -> AsyncGenerator[Frame]:
        """Yield the first answer that may go out: of *target*, or of those that checks send the request to in turn."""
        asked: list[str] = []
        instead: str | None = target
        while instead is not None:
            if instead in asked:
                raise ContentRefused("no answer keeps to what this model's policy lets through")
            asked.append(instead)
            outward, hold = self._outward(len(asked)), Hold(self._name, self._spec.hold)
            async with aclosing(self._passed(instead, request, context, outward)) as frames:
                async for frame in frames:
                    hold.take(frame)
            hold.held.end(instead)
            instead, notes = await outward.verdict(hold.held, context)
            if instead is None:
                yield _noted(hold.held.released(notes), note)
            else:
                self._wiring.took(self._name, hold.held.tokens, context)


def _noted(frame: Frame, note: str) -> Frame:
    return replace(frame, head=frame.head.noting("guarded", note)) if note and frame.head is not None else frame


def plan(spec: GuardSpec, subject: Subject) -> Plan:  # noqa: ARG001 - words may be in files that only gateways have
    """Say what is checked."""
    why = tuple(
        f"{direction}: {', '.join(map(_told, checks))}"
        for direction, checks in (("input", spec.input), ("output", spec.output))
        if checks
    )
    return Plan(order=tuple(dict.fromkeys(spec.answering())), why=why)


def _told(check: Check) -> str:
    return f"{check.look} {check.action}" + (f" to {check.to}" if check.to else "")


def build(name: str, spec: GuardSpec, wiring: Wiring) -> Node:
    """Return the node that guards; raises Misconfigured for words that cannot be had."""
    return Guard(name, spec, wiring)


KIND = Kind(spec=GuardSpec, build=build, plan=plan)
