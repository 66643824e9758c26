"""redact: personal data does not reach the model, and the answer is given as if it had; or does not leave in answers.

What is found depends on the text alone, never on the frames in which it streams. Placeholders such as ``<EMAIL_1>`` are
of one request and forgotten with it; ``[EMAIL]`` stands for good in what a model has said.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from functools import partial

from deployments.errors import ContentRefused
from deployments.graph.begun import Begun
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.rewriting.alone import passing, without_tokens
from deployments.graph.rewriting.answer import Rewriting
from deployments.graph.rewriting.prompt import texts_of
from deployments.graph.speaking import SPOKEN
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.redact.inward import found_in
from deployments.nodes.redact.naming import Naming
from deployments.nodes.redact.outward import Flagging, Masking
from deployments.nodes.redact.screening import Screen, Screened, relayed, unnamed
from deployments.nodes.redact.spec import RedactSpec
from deployments.pii.scanner import Scanner, warm
from deployments.request import Context, Frame, Request


@dataclass(frozen=True, slots=True)
class Redact:
    """Stands between the caller and one target."""

    name: str
    spec: RedactSpec
    wiring: Wiring

    def __call__(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the target's answer."""
        return Begun(partial(self._begun, request, context))

    async def _begun(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        inward = self.spec.direction == "input"
        screened = await self._inward(request, context) if inward else self._outward(request)
        target, edge = self.wiring.node(self.spec.redact), self.wiring.edge(self.name, self.spec.redact)
        return relayed(target, screened, context.enter(self.name), edge)

    async def _inward(self, request: Request, context: Context) -> Screened:
        screen = Screen(self.name, self.spec.action, self.spec.entities, self.wiring.meters)
        names = self.spec.names
        naming = unnamed if names is None else partial(Naming(self.name, names, self.wiring).names, context=context)
        return await screen.screened(request, naming)

    def _outward(self, request: Request) -> Screened:
        if request.endpoint not in SPOKEN:
            return Screened(request, None, "")
        if self.spec.action != "flag":
            request = without_tokens(passing(request, self.name), self.name)
        begun = Flagging if self.spec.action == "flag" else Masking
        writing = begun(self.spec.entities, self._seen)
        return Screened(request, Rewriting(request.endpoint, stream=request.stream, writing=writing), "")

    def _seen(self, kind: str) -> None:
        self.wiring.meters.screened(self.name, kind, self.spec.action)
        if self.spec.action == "block":
            raise ContentRefused(f"the answer holds what looks like personal data ({kind})")


def plan(spec: RedactSpec, subject: Subject) -> Plan:
    """Say what is looked for, and what the prompt holds of it."""
    if spec.direction == "output":
        why = f"looks for {', '.join(spec.entities)} in the answer, to {spec.action} it"
    else:
        found = sorted(found_in(texts_of(subject.request), partial(Scanner, spec.entities)))
        why = f"{spec.action}s {', '.join(found)} in the prompt" if found else "finds nothing personal in the prompt"
    named = () if spec.names is None else (f"asks {spec.names.model} for people's names, to {spec.action} them",)
    return Plan(order=(spec.redact,), why=(why, *named))


def build(name: str, spec: RedactSpec, wiring: Wiring) -> Node:
    """Return the node that redacts, with all that the first request would else wait for."""
    warm(spec.entities)
    return Redact(name, spec, wiring)


KIND = Kind(spec=RedactSpec, build=build, plan=plan)
