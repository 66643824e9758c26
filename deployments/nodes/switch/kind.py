"""switch: the first case whose conditions all hold decides who answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Annotated, Self

import msgspec
from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import InitErrorDetails

from deployments.graph.capability import Need
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.labels import TASKS, Labels
from deployments.graph.node import Node
from deployments.graph.predicates import CLASSIFIED, holds, verdicts
from deployments.graph.subject import Subject
from deployments.graph.when import When
from deployments.graph.wiring import Wiring
from deployments.nodes.switch.classifier import Classifier, ClassifierSpec
from deployments.request import Context, Frame, Request
from deployments.strict import Loc, Strict, fail, nearest, not_empty, problem


class Case(Strict):
    """Who answers when the conditions hold; without conditions it always does."""

    to: str = Field(min_length=1)
    when: When | None = None


class SwitchSpec(KindSpec):
    """Ordered cases, the last one unconditional.

    Scores are the rules', or the classifier's where there is one and it answers in time. The rules know tasks alone:
    while the classifier is not heard, no case holds that is about another label.
    """

    switch: Annotated[tuple[Case, ...], AfterValidator(not_empty)]
    classifier: ClassifierSpec | None = None

    @field_validator("switch", mode="after")
    @classmethod
    def _ends_in_a_default(cls, cases: tuple[Case, ...]) -> tuple[Case, ...]:
        fail("switch", _misplaced(cases))
        return cases

    @model_validator(mode="after")
    def _labels_known(self) -> Self:
        fail("switch", _unlabelled(self))
        return self

    def targets(self) -> list[tuple[Loc, str]]:
        """Return each case's target, then the classifier's model."""
        cases: list[tuple[Loc, str]] = [(("switch", at, "to"), case.to) for at, case in enumerate(self.switch)]
        return cases if self.classifier is None else [*cases, (("classifier", "model"), self.classifier.model)]

    def answering(self) -> list[str]:
        """Return each case's target."""
        return [case.to for case in self.switch]

    def needs(self) -> list[Need]:
        """Need a taker of images where a case is for requests that have some, and vectors of the classifier."""
        for_images = [
            Need(case.to, "images", ("switch", at, "to"))
            for at, case in enumerate(self.switch)
            if case.when is not None and "images" in (case.when.has or ())
        ]
        model = [] if self.classifier is None else [self.classifier.model]
        return [*for_images, *(Need(name, "vectors", ("classifier", "model")) for name in model)]


def _misplaced(cases: tuple[Case, ...]) -> Iterator[InitErrorDetails]:
    last = len(cases) - 1
    for at, case in enumerate(cases):
        if case.when is None and at < last:
            yield problem(
                (at,), "early_default", "has no 'when', so no later case is ever reached; put it last", case.to
            )
    if cases[last].when is not None:
        yield problem((), "no_default", "has no default; end it with a case that has only 'to'", cases[last].to)


def _unlabelled(spec: SwitchSpec) -> Iterator[InitErrorDetails]:
    labels = TASKS if spec.classifier is None else set(spec.classifier.examples)
    for at, case in enumerate(spec.switch):
        for label in (case.when.score or {}) if case.when is not None else ():
            if label not in labels:
                who = "the rules score tasks" if spec.classifier is None else "the classifier has no examples of it"
                rule = f"is no label here, {who}; {nearest(label, labels)}"
                yield problem(("switch", at, "when", "score", label), "unknown_key", rule, label)


def plan(spec: SwitchSpec, subject: Subject) -> Plan:
    """Say which case matches, and how each case before it was judged; a classifier is not asked, the rules are."""
    why = [] if spec.classifier is None else [_unasked(spec.classifier)]
    for at, case in enumerate(spec.switch):
        if case.when is None:
            return Plan(order=(case.to,), why=(*why, f"case {at}: the default -> {case.to}"))
        judged = verdicts(case.when, subject)
        seen = "; ".join(f"{one.name} {'holds' if one.holds else 'fails'} ({one.seen})" for one in judged)
        if all(one.holds for one in judged):
            return Plan(order=(case.to,), why=(*why, f"case {at}: {seen} -> {case.to}"))
        why.append(f"case {at}: {seen}")
    raise AssertionError("a switch ends in a default")


def _unasked(spec: ClassifierSpec) -> str:
    labels = ", ".join(spec.examples)
    return f"{spec.model} tells {labels} apart where it answers within {1000 * spec.wait:g} ms; here the rules judge"


def build(name: str, spec: SwitchSpec, wiring: Wiring) -> Node:
    """Return the node that hands each request to the first case that matches."""
    classifier = None if spec.classifier is None else Classifier(name, spec.classifier, wiring)

    async def choose(subject: Subject) -> str:
        asked = classifier is None
        for case in spec.switch:
            if case.when is None:
                return case.to
            if classifier is not None and not asked and CLASSIFIED & case.when.given().keys():
                if not holds(case.when, subject, but=CLASSIFIED):
                    continue
                subject.classified, asked = await classifier.labels(subject), True
            if holds(case.when, subject):
                return case.to
        raise AssertionError("a switch ends in a default")

    async def switch(request: Request, context: Context) -> AsyncGenerator[Frame]:
        subject = Subject(request, context)
        target = await choose(subject)
        with wiring.edge(name, target):
            async with closing(wiring.node(target)(request, context.enter(name))) as frames:
                async for frame in frames:
                    yield _told(frame, subject.classified)

    return switch


def _told(frame: Frame, labels: Labels | None) -> Frame:
    """Return the frame, its head with a note of what a classifier took the prompt for."""
    if frame.head is None or labels is None:
        return frame
    said = f"{labels.best} {labels.scores[labels.best]:.2f} by {labels.by}"
    return msgspec.structs.replace(frame, head=frame.head.noting("label", said))


KIND = Kind(spec=SwitchSpec, build=build, plan=plan)
