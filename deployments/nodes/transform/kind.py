"""transform: a prompt template on the way in, rules for the text on the way out; pure functions, and no code.

An answer is rendered anew only where a rule for its text is set; else its bytes go through as they came. The rules
apply in this order: ``strip_thinking``, ``stop_after``, ``json_only``, ``replace`` from first to last, ``trim``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from deployments.graph.closing import closing
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.speaking import SPOKEN
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.transform.anew import Anew, plain
from deployments.nodes.transform.prompt import prompted
from deployments.nodes.transform.spec import TransformSpec, rules
from deployments.request import Context, Frame, Request


class Transform:
    """Changes requests on their way to the target, and answers on their way back."""

    def __init__(self, name: str, spec: TransformSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the target's answer, as it comes or rendered anew."""
        spec, subject = self._spec, Subject(request, context)
        asked = prompted(request, subject, system=spec.system, template=spec.template)
        answer: Anew | None = None
        if spec.rewrites and request.endpoint in SPOKEN:
            asked = plain(asked, self._name)
            answer = Anew(spec, asked, context, subject)
        with self._wiring.edge(self._name, spec.transform):
            async with closing(self._wiring.node(spec.transform)(asked, context.enter(self._name))) as frames:
                async for frame in frames:
                    changed = frame if answer is None else answer.changed(frame)
                    if changed is not None:
                        yield changed
                    if answer is not None and answer.over:
                        break
            if answer is not None:
                yield answer.end()


def plan(spec: TransformSpec, subject: Subject) -> Plan:  # noqa: ARG001 - the same is done to every request
    """Say what is changed."""
    asked = [name for name in ("system", "template") if getattr(spec, name)]
    given = [name for name in ("strip_thinking", "stop_after", "json_only", "replace", "trim") if getattr(spec, name)]
    held = sum(rule.hold_back for rule in rules(spec))
    why = [f"sets {' and '.join(asked)} of the prompt"] if asked else []
    if given:
        why.append(f"renders the answer anew: {', '.join(given)}; holds back {held} characters at most")
    return Plan(order=(spec.transform,), why=tuple(why))


def build(name: str, spec: TransformSpec, wiring: Wiring) -> Node:
    """Return the node that changes prompts and answers."""
    return Transform(name, spec, wiring)


KIND = Kind(spec=TransformSpec, build=build, plan=plan)
