"""ensemble: several targets answer at once; the best answer, the most common one, or one made of all is given.

Every answer is held whole before one is chosen, so the client waits for the slowest that is waited for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from deployments.errors import EngineFailed, ServingError
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.cascade.held import noted, unjudgeable
from deployments.nodes.ensemble.branches import Branch, Branches
from deployments.nodes.ensemble.choice import best, most_common
from deployments.nodes.ensemble.merge import check_mergeable, merging
from deployments.nodes.ensemble.spec import EnsembleSpec
from deployments.nodes.ensemble.vote import decided
from deployments.nodes.fallback.chain import exhausted
from deployments.request import Context, Frame, Request

NOTE = "ensemble"


class Ensemble:
    """Asks every target at once and gives one answer."""

    def __init__(self, name: str, spec: EnsembleSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        self._quorum = spec.quorum or len(spec.ensemble)

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the chosen answer, or the merger's; raises as the last target does where all fail."""
        entered, reason = context.enter(self._name), unjudgeable(request)
        if reason is None:
            answer = self._together(request, entered)
        else:
            first = self._spec.ensemble[0]
            answer = self._handed_over(first, request, entered, f"{first} alone: the request {reason}")
        async with aclosing(answer) as frames:
            async for frame in frames:
                yield frame

    async def _together(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        if self._spec.choose == "merge":
            check_mergeable(self._name, request)
        branches = Branches(self._name, self._spec.ensemble, request, context, self._wiring)
        given: Branch | None = None
        try:
            async with branches:
                if (head := await branches.begun()) is not None:
                    yield Frame(data=b"", head=head)
                answers = await branches.answers(self._enough, self._spec.wait)
            if not answers:
                raise exhausted([(one.target, one.error) for one in branches.all if one.error is not None])
            trouble = [f"{one.target} {'failed ' + one.error.code if one.error else 'was too late'}"
                       for one in branches.all if not one.answered]  # fmt: skip
            merged = False
            async with aclosing(self._merged(request, answers, context, trouble)) as frames:
                async for frame in frames:
                    merged = merged or bool(frame.data)
                    yield frame
            if not merged:
                given, why = await self._chosen(request, answers, context)
                yield given.held.released({NOTE: "; ".join([f"{given.target} {why}", *trouble])})
        finally:
            unseen = sum(one.held.tokens for one in branches.all if one is not given)
            self._wiring.took(self._name, unseen, context)

    def _enough(self, answers: Sequence[Branch], outstanding: int) -> bool:
        """Say whether to choose now: a vote may be decided before everyone has answered."""
        if len(answers) >= self._quorum:
            return True
        return self._spec.choose == "vote" and decided([one.said for one in answers], outstanding)

    async def _chosen(self, request: Request, answers: Sequence[Branch], context: Context) -> tuple[Branch, str]:
        if len(answers) == 1:
            return answers[0], "answered alone"
        if self._spec.choose == "vote":
            return most_common(answers)
        if self._spec.judge is not None:
            return await best(
                self._name, self._spec.judge, request, answers, context, self._wiring, wait_s=self._spec.judge_wait
            )
        return answers[0], "answered first of those listed"

    async def _merged(
        self, request: Request, answers: Sequence[Branch], context: Context, trouble: list[str]
    ) -> AsyncGenerator[Frame]:
        """Stream what the merger makes of *answers*; nothing where there is none, or where it fails before it began."""
        merger, drafts = self._spec.merger, [one.held.text for one in answers if one.held.text.strip()]
        if merger is None or len(drafts) < 2:  # noqa: PLR2004 - one answer needs no merging
            return
        made_of = f"{merger} merged {len(drafts)} answers: {', '.join(one.target for one in answers)}"
        call, begun = context.fork(f"{self._name}.merge"), False
        try:
            note = "; ".join([made_of, *trouble])
            async with aclosing(self._handed_over(merger, merging(request, drafts), call, note)) as frames:
                async for frame in frames:
                    begun = begun or bool(frame.data)
                    yield frame
        except ServingError as error:
            if begun:
                raise
            trouble.append(f"merger {merger} failed {error.code}")

    async def _handed_over(
        self, target: str, request: Request, context: Context, note: str
    ) -> AsyncGenerator[Frame]:  # fmt: skip
        answered = False
        with self._wiring.edge(self._name, target):
            async with closing(self._wiring.node(target)(request, context)) as frames:
                async for frame in frames:
                    answered = answered or bool(frame.data)
                    head = None if frame.head is None else noted(frame.head, {NOTE: note})
                    yield frame if head is None else msgspec.structs.replace(frame, head=head)
            if not answered:
                raise EngineFailed(f"{target} ended without an answer")


def plan(spec: EnsembleSpec, subject: Subject) -> Plan:
    """Say who is asked and how one answer is made of theirs."""
    reason = unjudgeable(subject.request)
    if reason is not None:
        return Plan(order=spec.ensemble[:1], why=(f"{spec.ensemble[0]} alone: the request {reason}",))
    ways = {
        "judge": f"{spec.judge} scores each answer, and the best is given",
        "vote": "the answer that most agree on is given",
        "merge": f"{spec.merger} makes one answer of theirs",
    }
    quorum = f"{spec.quorum} have answered" if spec.quorum else "all have answered or failed"
    late = f", at most {spec.wait:g} s after the first" if spec.wait else ""
    why = (f"asks {', '.join(spec.ensemble)} at once, until {quorum}{late}", ways[spec.choose])
    return Plan(order=tuple(spec.answering()), why=why)


def build(name: str, spec: EnsembleSpec, wiring: Wiring) -> Node:
    """Return the node that asks every target."""
    return Ensemble(name, spec, wiring)


KIND = Kind(spec=EnsembleSpec, build=build, plan=plan)
