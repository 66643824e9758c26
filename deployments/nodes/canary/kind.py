"""canary: a candidate takes over stage by stage, by the fleet controller's word.

The stage is one for all gateways: each reports what it counts, the controller decides, and its last word holds while it
is away. Who has not heard of any stage yet gives the candidate nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from deployments.canary import CanaryStage, stage_of
from deployments.errors import ServingError
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.canary.spec import SHADOW, CanarySpec
from deployments.nodes.canary.tally import ArmTally, Tally, tally_name
from deployments.nodes.record.heard import Heard
from deployments.nodes.shadow.kind import Shadow
from deployments.nodes.split.hash import unit
from deployments.nodes.split.key import sticky_key
from deployments.nodes.split.kind import noted
from deployments.request import Context, Frame, Request
from deployments.telemetry.records import CANCELLED, OK


class Canary:
    """Gives the candidate its share, mirrors to it what others answer, and counts how both do."""

    def __init__(self, name: str, spec: CanarySpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        self._id = spec.id(name)
        self._tally = wiring.remembered(tally_name(self._id), Tally, Tally)
        self._mirroring = Shadow(name, spec.shadow(), replace(wiring, shadowed=self._shadowed))

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the answer of whoever's turn it is."""
        stage = self._stage()
        key = sticky_key(self._spec.sticky, request, context)[1]
        arm = self._spec.to if unit("canary", self._name, key) < stage.share else self._spec.canary
        context.chose(self._name, arm)
        tally = self._tally.candidate if arm == self._spec.to else self._tally.base
        async with aclosing(self._counted(self._answer(arm, stage, request, context), context, tally)) as frames:
            async for frame in frames:
                yield noted(frame, "canary", f"{self._name}={arm}")

    def _stage(self) -> CanaryStage:
        view = self._wiring.fleet()
        told = view.canaries.get(self._id) if view is not None else None
        # A controller that has begun anew knows no canary for a moment.
        self._tally.stage = told or self._tally.stage or stage_of(self._name, (0.0,), 0, "rolled_back", 0)
        return self._tally.stage

    def _answer(self, arm: str, stage: CanaryStage, request: Request, context: Context) -> AsyncGenerator[Frame]:
        if stage.mirrors and arm == self._spec.canary:
            return self._mirroring(request, context)
        return self._passed_on(arm, request, context)

    async def _passed_on(self, arm: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        with self._wiring.edge(self._name, arm):
            async with closing(self._wiring.node(arm)(request, context.enter(self._name))) as frames:
                async for frame in frames:
                    yield frame

    async def _counted(self, answer: AsyncGenerator[Frame], context: Context, tally: ArmTally) -> AsyncGenerator[Frame]:
        heard, outcome = Heard(self._wiring.clock, text=False), CANCELLED
        try:
            async with aclosing(answer) as frames:
                async for frame in frames:
                    heard.take(frame)
                    yield frame
            outcome = OK
        except ServingError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = ServingError.code
            raise
        except GeneratorExit:
            # Whoever closes a stream has had enough of it; who gave up waiting for more was cancelled instead.
            outcome = OK if heard.begun else CANCELLED
            raise
        finally:
            outcome = OK if outcome == CANCELLED and heard.whole else outcome
            late = outcome == CANCELLED and self._wiring.clock() >= context.deadline_s
            if context.charged:
                tally.ended("deadline_exceeded" if late else outcome, heard.ttft_s)

    def _shadowed(self, node: str, outcome: str, agreement: float | None) -> None:
        self._tally.mirrored(outcome, agreement)
        self._wiring.shadowed(node, outcome, agreement)


def plan(spec: CanarySpec, subject: Subject) -> Plan:  # noqa: ARG001 -- the stage is the running cluster's
    """Say the stages; which one it is only a running cluster knows."""
    stages = ", ".join(SHADOW if share == 0 else f"{100 * share:.3g} %" for share in spec.shares())
    held = "; held by the configuration" if spec.held else ""
    return Plan(order=(spec.canary, spec.to), why=(f"hands over to {spec.to} by stages: {stages}{held}",))


def build(name: str, spec: CanarySpec, wiring: Wiring) -> Node:
    """Return the node that hands over by stages."""
    return Canary(name, spec, wiring)


KIND = Kind(spec=CanarySpec, build=build, plan=plan)
