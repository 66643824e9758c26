"""split: weighted arms, and the same one again for whoever comes back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated

import msgspec
from pydantic import AfterValidator, Field, field_validator

from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.split.hash import chosen
from deployments.nodes.split.key import Sticky, sticky_key
from deployments.request import Context, Frame, Request
from deployments.strict import Loc, not_empty

Weight = Annotated[float, Field(ge=0, le=1e9)]


class SplitSpec(KindSpec):
    """Arms with their weights, which need not add up to anything; an arm of weight 0 gets nothing.

    Another ``seed`` deals everybody anew; by default it is the node's name.
    """

    split: Annotated[dict[str, Weight], AfterValidator(not_empty)]
    sticky: Sticky = "request"
    seed: str | None = Field(default=None, max_length=200)

    @field_validator("split", mode="after")
    @classmethod
    def _somebody_answers(cls, weights: dict[str, float]) -> dict[str, float]:
        if not any(weights.values()):
            raise ValueError("has no arm with a weight above 0")
        return weights

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the arms."""
        return [(("split", name), name) for name in self.split]

    def arm(self, node: str, key: str) -> str:
        """Return the arm of *key* in the split that is named *node*."""
        return chosen(self.split, node if self.seed is None else self.seed, key)


@dataclass(frozen=True, slots=True)
class Split:
    """Hands each request to the arm of its key, and says so."""

    name: str
    spec: SplitSpec
    wiring: Wiring

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the arm's answer."""
        arm = self.spec.arm(self.name, sticky_key(self.spec.sticky, request, context)[1])
        context.chose(self.name, arm)
        with self.wiring.edge(self.name, arm):
            async with closing(self.wiring.node(arm)(request, context.enter(self.name))) as frames:
                async for frame in frames:
                    yield noted(frame, "split", f"{self.name}={arm}")


def noted(frame: Frame, note: str, text: str) -> Frame:
    """Return *frame*, its head noting *text* before what nodes further down have noted."""
    if frame.head is None:
        return frame
    below = frame.head.notes.get(note)
    return msgspec.structs.replace(frame, head=frame.head.noting(note, f"{text}, {below}" if below else text))


def plan(spec: SplitSpec, subject: Subject) -> Plan:
    """Say the arm, by which key, and the shares."""
    dealt, key = sticky_key(spec.sticky, subject.request, subject.context)
    arm, total = spec.arm(subject.node, key), sum(spec.split.values())
    shares = ", ".join(f"{name} {100 * weight / total:.3g} %" for name, weight in spec.split.items())
    return Plan(order=(arm,), why=(f"deals {shares} by {dealt}: {key!r} falls to {arm}",))


def build(name: str, spec: SplitSpec, wiring: Wiring) -> Node:
    """Return the node that deals requests to its arms."""
    return Split(name, spec, wiring)


KIND = Kind(spec=SplitSpec, build=build, plan=plan)
