"""switch: the first case whose conditions all hold decides who answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import InitErrorDetails

from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node
from deployments.graph.predicates import holds, verdicts
from deployments.graph.subject import Subject
from deployments.graph.when import When
from deployments.graph.wiring import Wiring
from deployments.request import Context, Frame, Request
from deployments.strict import Loc, Strict, fail, not_empty, problem


class Case(Strict):
    """Who answers when the conditions hold; without conditions it always does."""

    to: str = Field(min_length=1)
    when: When | None = None


class SwitchSpec(KindSpec):
    """Ordered cases, the last one unconditional."""

    switch: Annotated[tuple[Case, ...], AfterValidator(not_empty)]

    @field_validator("switch", mode="after")
    @classmethod
    def _ends_in_a_default(cls, cases: tuple[Case, ...]) -> tuple[Case, ...]:
        fail("switch", _misplaced(cases))
        return cases

    def targets(self) -> list[tuple[Loc, str]]:
        """Return each case's target."""
        return [(("switch", at, "to"), case.to) for at, case in enumerate(self.switch)]


def _misplaced(cases: tuple[Case, ...]) -> Iterator[InitErrorDetails]:
    last = len(cases) - 1
    for at, case in enumerate(cases):
        if case.when is None and at < last:
            yield problem(
                (at,), "early_default", "has no 'when', so no later case is ever reached; put it last", case.to
            )
    if cases[last].when is not None:
        yield problem((), "no_default", "has no default; end it with a case that has only 'to'", cases[last].to)


def plan(spec: SwitchSpec, subject: Subject) -> Plan:
    """Say which case matches, and how each case before it was judged."""
    why: list[str] = []
    for at, case in enumerate(spec.switch):
        if case.when is None:
            return Plan(order=(case.to,), why=(*why, f"case {at}: the default -> {case.to}"))
        judged = verdicts(case.when, subject)
        seen = "; ".join(f"{one.name} {'holds' if one.holds else 'fails'} ({one.seen})" for one in judged)
        if all(one.holds for one in judged):
            return Plan(order=(case.to,), why=(*why, f"case {at}: {seen} -> {case.to}"))
        why.append(f"case {at}: {seen}")
    raise AssertionError("a switch ends in a default")


def build(name: str, spec: SwitchSpec, wiring: Wiring) -> Node:
    """Return the node that hands each request to the first case that matches."""

    def choose(request: Request, context: Context) -> str:
        subject = Subject(request, context)
        return next(case.to for case in spec.switch if case.when is None or holds(case.when, subject))

    async def switch(request: Request, context: Context) -> AsyncGenerator[Frame]:
        target = choose(request, context)
        with wiring.edge(name, target):
            async with closing(wiring.node(target)(request, context.enter(name))) as frames:
                async for frame in frames:
                    yield frame

    return switch


KIND = Kind(spec=SwitchSpec, build=build, plan=plan)
