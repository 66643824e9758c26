"""deadline: give a target less time than the request has."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Self

from pydantic import Field, model_validator

from deployments.errors import FirstTokenTimeout, ServingError
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node, stack
from deployments.graph.subject import Subject
from deployments.graph.watched import watched
from deployments.graph.wiring import Wiring
from deployments.layers.tightened import tightened
from deployments.quantities import Seconds
from deployments.request import Context, Frame, Request
from deployments.strict import Loc, fail, problem


class DeadlineSpec(KindSpec):
    """One target and its time: ``total`` for all of its answer, ``first_token`` until that begins.

    What is late ends with ``deadline_exceeded`` or ``first_token_timeout``; either lets a fallback above move on.
    """

    deadline: str = Field(min_length=1)
    total: Seconds | None = Field(default=None, gt=0)
    first_token: Seconds | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.total is None and self.first_token is None:
            raise ValueError("bounds nothing: set 'total', 'first_token' or both")
        if self.total is not None and self.first_token is not None and self.first_token >= self.total:
            rule = f"is not less than total ({self.total:g} s), which is over first"
            fail("deadline", [problem(("first_token",), "out_of_order", rule, self.first_token)])
        return self

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one target."""
        return [(("deadline",), self.deadline)]


def plan(spec: DeadlineSpec, subject: Subject) -> Plan:  # noqa: ARG001 -- the same for every request
    """Say how much time there is."""
    limits = ((spec.first_token, "to a first token"), (spec.total, "in total"))
    given = ", ".join(f"{limit:g} s {what}" for limit, what in limits if limit is not None)
    return Plan(order=(spec.deadline,), why=(f"at most {given}, or what is left of the request's own time",))


def build(name: str, spec: DeadlineSpec, wiring: Wiring) -> Node:
    """Return the node that passes requests on with less time."""

    async def passed(request: Request, context: Context) -> AsyncGenerator[Frame]:
        with wiring.edge(name, spec.deadline):
            async with closing(wiring.node(spec.deadline)(request, context.enter(name))) as frames:
                with watched(frames, spec.first_token, None, late) as timely:
                    async for frame in timely:
                        yield frame

    def late() -> ServingError:
        return FirstTokenTimeout(f"{spec.deadline} produced no token within {spec.first_token:g} s")

    return passed if spec.total is None else stack(passed, tightened(spec.total, wiring.clock))


KIND = Kind(spec=DeadlineSpec, build=build, plan=plan)
