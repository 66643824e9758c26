"""record: keeps what came in and what went out, beside the requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from pydantic import Field, field_validator

from deployments.errors import DeadlineExceeded, ServingError
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.record.form import filled_in
from deployments.nodes.record.heard import Heard
from deployments.nodes.split.hash import unit
from deployments.quantities import Share
from deployments.request import Context, Frame, Request
from deployments.strict import Loc, fail, problem
from deployments.telemetry.records import CANCELLED, OK, Keep

_SECRET = ("auth", "cookie", "key", "token", "secret", "password", "credential", "signature")


class RecordSpec(KindSpec):
    """One target, and what is kept of the requests to it: of which share, with texts or without, and for how long.

    ``headers`` are the client's that are kept beside; none is by default.
    """

    record: str = Field(min_length=1)
    share: Share = 1.0
    text: bool = False
    headers: tuple[str, ...] = ()
    keep: Keep = Keep()

    @field_validator("headers", mode="after")
    @classmethod
    def _no_secrets(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        fail("headers", [
            problem((at,), "secret", "may carry a secret, and secrets are never kept; leave it out", name)
            for at, name in enumerate(names) if any(word in name.lower() for word in _SECRET)
        ])  # fmt: skip
        return tuple(name.lower() for name in names)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one target."""
        return [(("record",), self.record)]


@dataclass(frozen=True, slots=True)
class Recorder:
    """Passes everything on and keeps a record of a share of it."""

    name: str
    spec: RecordSpec
    wiring: Wiring

    def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the target's answer."""
        kept = context.charged and unit("record", self.name, context.request_id) < self.spec.share
        return self._recorded(request, context) if kept else self._passed_on(request, context)

    async def _passed_on(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        with self.wiring.edge(self.name, self.spec.record):
            async with closing(self.wiring.node(self.spec.record)(request, context.enter(self.name))) as frames:
                async for frame in frames:
                    yield frame

    async def _recorded(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        heard, arms = Heard(self.wiring.clock, text=self.spec.text), Arms(context)
        outcome = CANCELLED
        try:
            async with aclosing(self._passed_on(request, replace(context, chose=arms.take))) as frames:
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
        finally:
            outcome = OK if outcome == CANCELLED and heard.whole else outcome
            late = outcome == CANCELLED and self.wiring.clock() >= context.deadline_s
            outcome = DeadlineExceeded.code if late else outcome
            self._keep(request, context, heard, arms, outcome)

    def _keep(self, request: Request, context: Context, heard: Heard, arms: Arms, outcome: str) -> None:
        form = filled_in(
            self.name,
            request,
            context,
            heard,
            outcome,
            text=self.spec.text,
            headers=self.spec.headers,
            arms=arms.on(heard.head.path if heard.head is not None else None),
        )
        self.wiring.records(form, self.spec.keep)


class Arms:
    """Listens to what nodes choose for one request, and lets others hear it too."""

    def __init__(self, context: Context) -> None:
        self._above = context.chose
        self._heard: dict[str, str] = {}

    def take(self, node: str, arm: str) -> None:
        """Hear of a choice."""
        self._heard[node] = arm
        self._above(node, arm)

    def on(self, path: tuple[str, ...] | None) -> dict[str, str]:
        """Return the choices that led along *path*; all of them where there is no answer and so no path."""
        return {node: arm for node, arm in self._heard.items() if path is None or node in path}


def plan(spec: RecordSpec, subject: Subject) -> Plan:  # noqa: ARG001 -- keeping records changes nothing
    """Say what is kept."""
    what = "prompts and answers" if spec.text else "figures without texts"
    return Plan(order=(spec.record,), why=(f"keeps records of {100 * spec.share:.3g} % of the requests: {what}",))


def build(name: str, spec: RecordSpec, wiring: Wiring) -> Node:
    """Return the node that keeps records."""
    return Recorder(name, spec, wiring)


KIND = Kind(spec=RecordSpec, build=build, plan=plan)
