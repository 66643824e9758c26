"""admission: so many requests at once, so many in a queue, higher classes and nearer deadlines first."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated

import msgspec
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import InitErrorDetails

from deployments.errors import Overloaded
from deployments.graph.alarm import Alarm
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node
from deployments.graph.predicates import holds
from deployments.graph.subject import Subject
from deployments.graph.when import When
from deployments.graph.wiring import Wiring
from deployments.nodes.admission.gate import Gate, RefusedError
from deployments.nodes.admission.queue import Limits
from deployments.nodes.admission.ticket import Group, Ticket
from deployments.nodes.admission.turn import Turn, least_work
from deployments.quantities import Seconds
from deployments.request import Context, Frame, Request
from deployments.strict import Loc, Strict, fail, problem

QUEUED = "queued-ms"
_ONLY = Group(name="default")
# What nobody is charged for has no class and no tenant of those that are: none of their places are its own.
_UNASKED, _NOBODY = Group(name="unasked", priority=-1000), "\0nobody"


class ClassSpec(Strict):
    """One class of requests; one without ``when`` takes all that the classes before it do not."""

    priority: int = Field(default=0, strict=True, ge=-1000, le=1000)
    weight: float = Field(default=1.0, gt=0, le=1000)
    when: When | None = None


def _one_default(classes: dict[str, ClassSpec]) -> dict[str, ClassSpec]:
    fail("classes", _misplaced(classes))
    return classes


def _misplaced(classes: dict[str, ClassSpec]) -> Iterator[InitErrorDetails]:
    last = next(reversed(classes), "")
    for name, one in classes.items():
        if one.when is None and name != last:
            yield problem((name,), "early_default", "has no 'when', so no later class is ever used; put it last", name)
    if classes and classes[last].when is not None:
        yield problem((), "no_default", "has no default; end it with a class that has no 'when'", last)


class AdmissionSpec(KindSpec):
    """One target. At most *concurrent* requests are with it at once and *queue* wait, each no longer than *wait*.

    The bounds are those of one gateway process. Classes of equal priority share by ``weight``, and within a class the
    configured tenants by theirs. ``per_tenant`` bounds one tenant's requests, waiting ones included. After ``ageing``,
    half of *wait* by default, a request of a low class may use every fourth place. Mirrored requests get free places
    alone, and lose them to the first who asks for one.
    """

    admission: str = Field(min_length=1)
    concurrent: int = Field(default=64, strict=True, ge=1, le=100_000)
    queue: int = Field(default=256, strict=True, ge=0, le=100_000)
    wait: Seconds = Field(default=10.0, gt=0, le=3600)
    per_tenant: int | None = Field(default=None, strict=True, ge=1)
    ageing: Seconds | None = Field(default=None, gt=0)
    classes: Annotated[dict[str, ClassSpec], AfterValidator(_one_default)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _ages_in_time(self) -> AdmissionSpec:
        if self.ageing is not None and self.ageing >= self.wait:
            rule = f"is not less than wait ({self.wait:g} s), so that nobody would wait long enough"
            fail("admission", [problem(("ageing",), "too_long", rule, self.ageing)])
        return self

    @property
    def limits(self) -> Limits:
        """Return the bounds."""
        ageing_s = self.wait / 2 if self.ageing is None else self.ageing
        return Limits(
            concurrent=self.concurrent, queue=self.queue, per_tenant=self.per_tenant, ageing_s=ageing_s
        )  # fmt: skip

    def group(self, subject: Subject) -> Group:
        """Return the first class whose conditions hold."""
        for name, one in self.classes.items():
            if one.when is None or holds(one.when, subject):
                return Group(name=name, priority=one.priority, weight=one.weight)
        return _ONLY

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one target."""
        return [(("admission",), self.admission)]


def plan(spec: AdmissionSpec, subject: Subject) -> Plan:
    """Say which class the request is of, and what bounds it."""
    group = spec.group(subject)
    bounds = f"{spec.concurrent} at once, {spec.queue} waiting, {spec.wait:g} s at most"
    return Plan(order=(spec.admission,), why=(f"class {group.name} (priority {group.priority}); {bounds}",))


class Admission:
    """Lets requests through to its target in an order, and holds or refuses the rest."""

    def __init__(self, name: str, spec: AdmissionSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        self._limits = spec.limits
        tell = wiring.meters.queue
        # Kept over a new graph: those who are inside stay inside.
        self._gate = wiring.remembered(f"admission:{name}", Gate, lambda: Gate(wiring.clock, partial(tell, name)))

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Wait for a place, then stream the answer; the head says how long the wait was."""
        group = self._spec.group(Subject(request, context)) if context.charged else _UNASKED
        ticket, eviction = self._ticket(group, request, context), Alarm(math.inf)
        turn = Turn(self._gate.queue, ticket)
        try:
            waited_s = await self._entered(ticket, eviction)
            inside = turn.told(context.enter(self._name))
            if self._spec.classes and context.charged:  # what nobody asked for stays behind everyone's requests
                inside = replace(inside, priority=group.priority, group=group.name)
            with self._wiring.edge(self._name, self._spec.admission):
                async with closing(self._wiring.node(self._spec.admission)(request, inside)) as frames:
                    while (frame := await self._next(frames, eviction)) is not None:
                        turn.saw(frame)
                        yield frame if frame.head is None else noted(frame, waited_s)
        finally:
            self._gate.leave(ticket)

    def _ticket(self, group: Group, request: Request, context: Context) -> Ticket:
        now_s, standing = self._wiring.clock(), context.standing
        return Ticket(
            group=group,
            tenant=context.tenant if context.charged else _NOBODY,
            arrived_s=now_s,
            start_by_s=min(now_s + self._spec.wait, context.deadline_s),
            deadline_s=context.deadline_s,
            charged=context.charged,
            account=standing.account if context.charged else _NOBODY,
            weight=standing.weight,
            # Nobody takes turns where there are no tenants, and then nobody reads prompts for it.
            work=least_work(request) if standing.account else 0.0,
        )

    async def _entered(self, ticket: Ticket, eviction: Alarm) -> float:
        meters = self._wiring.meters
        try:
            waited_s = await self._gate.enter(ticket, self._limits, None if ticket.charged else eviction.ring)
        except RefusedError as refused:
            meters.refused(self._name, ticket.group.name, refused.reason)
            raise refused.told from None
        meters.admitted(self._name, ticket.group.name, waited_s)
        return waited_s

    async def _next(self, frames: AsyncIterator[Frame], eviction: Alarm) -> Frame | None:
        try:
            with eviction:
                return await anext(frames, None)
        except TimeoutError as error:
            if not eviction.rung:
                raise
            self._wiring.meters.refused(self._name, _UNASKED.name, "displaced")
            raise Overloaded("somebody's request has taken the place") from error


def noted(frame: Frame, waited_s: float) -> Frame:
    """Return the frame with the wait in its head, added to that of an admission further down."""
    assert frame.head is not None  # noqa: S101 - only heads are noted in
    below_ms = float(frame.head.notes.get(QUEUED, 0))
    return msgspec.structs.replace(frame, head=frame.head.noting(QUEUED, f"{below_ms + 1000 * waited_s:.1f}"))


def build(name: str, spec: AdmissionSpec, wiring: Wiring) -> Node:
    """Return the node that lets requests in."""
    return Admission(name, spec, wiring)


KIND = Kind(spec=AdmissionSpec, build=build, plan=plan)
