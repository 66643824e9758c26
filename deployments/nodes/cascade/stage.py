"""One stage of a cascade: its answer is held until it is judged, then it streams on or is turned down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import msgspec

from deployments.errors import Declined, EngineFailed, ServingError
from deployments.graph.closing import closing
from deployments.graph.grade import grade
from deployments.graph.wiring import Wiring
from deployments.nodes.cascade.accept import Verdict, judged
from deployments.nodes.cascade.held import Held, noted, unjudgeable
from deployments.nodes.cascade.schema import schema_of
from deployments.nodes.cascade.spec import Accept, JudgeRule, Stage
from deployments.request import Context, Frame, Request


@dataclass(slots=True)
class Story:
    """What the client is told of the way to its answer."""

    steps: list[str] = field(default_factory=list)
    tokens: int = 0
    held_s: float = 0.0

    def left(self, target: str, error: ServingError) -> None:
        """Note why *target* does not answer."""
        why = f"rejected {error.message}" if isinstance(error, Declined) else f"failed {error.code}"
        self.steps.append(f"{target} {why}")

    def held(self, tokens: int, seconds: float) -> None:
        """Note how long an answer had to wait for its judgement."""
        self.tokens += tokens
        self.held_s += seconds

    def notes(self, last: str) -> dict[str, str]:
        """Return the notes of an answer whose last step is *last*."""
        held = {"held": f"{self.tokens} tokens, {1000 * self.held_s:.0f} ms"} if self.tokens else {}
        return {"cascade": "; ".join([*self.steps, last]), **held}


class StageCall:
    """Hands one request of the cascade *name* to one stage after another; ``story`` tells of all of them."""

    def __init__(self, name: str, request: Request, wiring: Wiring) -> None:
        self._name, self._request, self._wiring = name, request, wiring
        self._unjudged = unjudgeable(request)
        self.story = Story()

    async def stream(self, stage: Stage, context: Context) -> AsyncGenerator[Frame]:
        """Stream the stage's answer; raises Declined where it is not good enough, and what the target raises."""
        request = self._request
        if stage.accept is not None and stage.accept.sureness():
            request = replace(request, judged=True)
        with self._wiring.edge(self._name, stage.to):
            async with (
                closing(self._wiring.node(stage.to)(request, context)) as frames,
                aclosing(self._taken(stage, frames, context)) as taken,
            ):
                async for frame in taken:
                    yield frame

    def _taken(self, stage: Stage, frames: AsyncIterator[Frame], context: Context) -> AsyncGenerator[Frame]:
        if stage.accept is None:
            return _passed(stage.to, frames, self.story.notes(stage.to))
        if self._unjudged is not None:
            return _passed(stage.to, frames, self.story.notes(f"{stage.to} not judged: the request {self._unjudged}"))
        return self._judged(stage.to, stage.accept, frames, context)

    async def _judged(
        self, target: str, accept: Accept, frames: AsyncIterator[Frame], context: Context
    ) -> AsyncGenerator[Frame]:
        held, released = Held(accept.after), False
        schema = schema_of(self._request) if accept.meets_schema else None
        began_s, verdict = self._wiring.clock(), None
        try:
            async for frame in frames:
                held.take(frame)
                if frame.head is not None:
                    began_s = self._wiring.clock()
                    yield Frame(data=b"", head=frame.head)
                if frame.data and (verdict := judged(accept, held, schema)) is not None:
                    break
            else:
                held.end(target)
                verdict = judged(accept, held, schema)
            verdict = await self._with_opinion(accept.judge, verdict, held, context)
            self.story.held(held.tokens, self._wiring.clock() - began_s)
            if not verdict.accepted:
                raise Declined(verdict.why)
            released = True
            yield held.released(self.story.notes(f"{target} accepted {verdict.why}".rstrip()))
        finally:
            if not released:
                self._wiring.took(self._name, held.tokens, context)
        async for frame in frames:
            yield frame

    async def _with_opinion(
        self, rule: JudgeRule | None, verdict: Verdict | None, held: Held, context: Context
    ) -> Verdict:
        """Return the verdict, after asking the judge where everything else holds and there is one."""
        if verdict is None:
            raise AssertionError("every criterion can judge a whole answer")
        if rule is None or not verdict.accepted:
            return verdict
        if held.calls_tools:
            return Verdict(accepted=True, why=_joined(verdict.why, "calls tools, which no judge reads"))
        call = context.fork(f"{self._name}.judge")
        found = await grade(self._name, rule.by, self._request, held.text, call, self._wiring, wait_s=rule.wait)
        if found.score is None:
            return Verdict(rule.unsure == "accept", found.why)
        accepted = found.score >= rule.at_least
        why = f"{found.why} {'>=' if accepted else '<'} {rule.at_least:g}"
        return Verdict(accepted, _joined(verdict.why, why) if accepted else why)


def _joined(*why: str) -> str:
    return ", ".join(filter(None, why))


async def _passed(target: str, frames: AsyncIterator[Frame], notes: Mapping[str, str]) -> AsyncGenerator[Frame]:
    answered = False
    async for frame in frames:
        answered = answered or bool(frame.data)
        yield frame if frame.head is None else msgspec.structs.replace(frame, head=noted(frame.head, notes))
    if not answered:
        raise EngineFailed(f"{target} ended without an answer")
