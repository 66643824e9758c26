"""cascade: a small model first; a larger one answers where the small one's answer is not good enough.

An answer is held until it is judged, and no longer: one that is judged by its first tokens streams on from there. What
has been judged good is the client's, and from then on an error passes through.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from deployments.errors import ContextTooLong, DeadlineExceeded, Declined, ServingError
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.cascade.held import unjudgeable
from deployments.nodes.cascade.spec import Accept, CascadeSpec, Stage
from deployments.nodes.cascade.stage import StageCall
from deployments.nodes.fallback.chain import exhausted
from deployments.nodes.fallback.on import USUAL, moves_on
from deployments.request import Context, Frame, Request

# A larger model often takes longer prompts as well.
ESCALATES = (*USUAL, Declined.code, ContextTooLong.code)


class Cascade:
    """Asks its stages in turn until one's answer is good enough; a stage is closed before the next is asked."""

    def __init__(self, name: str, stages: tuple[Stage, ...], wiring: Wiring) -> None:
        self._name, self._stages, self._wiring = name, stages, wiring

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the first answer that is good enough, the last stage's whatever it is."""
        branch, failures = context.enter(self._name), list[tuple[str, ServingError]]()
        call = StageCall(self._name, request, self._wiring)
        for at, stage in enumerate(self._stages):
            committed = False
            own = branch.fork(f"{self._name}.{at}") if at else branch
            try:
                async with aclosing(call.stream(stage, own)) as frames:
                    async for frame in frames:
                        committed = committed or bool(frame.data)
                        yield frame
            except ServingError as error:
                if committed or self._ends(error, context):
                    raise
                failures.append((stage.to, error))
                branch = branch.enter(f"{stage.to}!{error.code}")
                call.story.left(stage.to, error)
            else:
                return
        raise exhausted(failures) from failures[-1][1]

    def _ends(self, error: ServingError, context: Context) -> bool:
        """Say whether no further stage could help."""
        over = isinstance(error, DeadlineExceeded) and context.deadline_s <= self._wiring.clock()
        return over or not moves_on(error, ESCALATES)


def plan(spec: CascadeSpec, subject: Subject) -> Plan:
    """Say the order and what each stage's answer must be like; what it will be like nobody knows."""
    unjudged = unjudgeable(subject.request)
    why: list[str] = []
    for stage in spec.cascade:
        if stage.accept is None:
            why.append(f"{stage.to} answers what is left")
        elif unjudged is not None:
            why.append(f"{stage.to} answers: the request {unjudged}, so there is nothing to judge")
        else:
            why.append(f"{stage.to} answers if {_demands(stage.accept, stream=subject.request.stream)}")
    return Plan(order=tuple(stage.to for stage in spec.cascade), why=tuple(why))


def _demands(accept: Accept, *, stream: bool) -> str:
    over = f"over the first {accept.after} tokens" if stream else "over all tokens"
    told = {
        "mean_logprob": f"mean_logprob is at least {accept.mean_logprob} {over}",
        "margin": f"margin is at least {accept.margin} {over}",
        "min_tokens": f"it has at least {accept.min_tokens} tokens",
        "max_tokens": f"it has at most {accept.max_tokens} tokens",
        "refusal": "it does not refuse",
        "schema": "it meets the request's schema",
        "judge": f"{accept.judge.by} scores it at least {accept.judge.at_least:g}" if accept.judge else "",
    }
    return ", ".join(told[name] for name in accept.criteria())


def build(name: str, spec: CascadeSpec, wiring: Wiring) -> Node:
    """Return the node that asks the stages in turn."""
    return Cascade(name, spec.cascade, wiring)


KIND = Kind(spec=CascadeSpec, build=build, plan=plan)
