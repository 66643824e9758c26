"""brown-out: while a pool's capacity is late, a stand-in answers the share of its requests that the controller says.

The share is one for all gateways and comes with the controller's view of the fleet; when it ends, and how fast it may
change, is decided there. Who has heard of none moves nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from deployments.adapters import split_name
from deployments.errors import ServingError
from deployments.graph.capability import Capabilities
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.predicates import holds
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.brown_out.cap import capped, lower_limit
from deployments.nodes.brown_out.moved import Moved, moved_name
from deployments.nodes.brown_out.spec import BrownOutSpec
from deployments.nodes.split.hash import unit
from deployments.nodes.split.key import sticky_key
from deployments.nodes.split.kind import noted
from deployments.request import Context, Frame, Request

# What a client sends to have nobody stand in, and how it is told that somebody did.
HEADER, NEVER = "x-tercet-brown-out", "never"
_NOTE = HEADER.removeprefix("x-tercet-")
# How a client is told that its answer may have fewer tokens than it allowed.
_CAPPED = "brown-out-max-tokens"


@dataclass(frozen=True, slots=True)
class BrownOut:
    """Hands each request to its pool or to a stand-in, and to the pool after all where that one cannot."""

    name: str
    spec: BrownOutSpec
    wiring: Wiring

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the answer of whoever's turn it is."""
        pool, branch, share = self.spec.brown_out, context.enter(self.name), self._share()
        stand_in = self._stand_in(request, context, share)
        limit = lower_limit(self.spec.cap, request, context) if share else None
        request = capped(request, limit)
        if stand_in is not None:
            committed = False
            try:
                async with aclosing(self._stood_in(stand_in, request, branch)) as frames:
                    async for frame in frames:
                        committed = committed or bool(frame.data)
                        yield self._told(frame, limit)
            except ServingError as error:
                if committed or context.deadline_s <= self.wiring.clock():
                    raise
                branch = branch.enter(f"{stand_in}!{error.code}")
            else:
                return
        context.chose(self.name, pool)
        with self.wiring.edge(self.name, pool):
            async with closing(self.wiring.node(pool)(request, branch)) as frames:
                async for frame in frames:
                    yield self._told(frame, limit)

    async def _stood_in(self, stand_in: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        with self.wiring.edge(self.name, stand_in):
            async with closing(self.wiring.node(stand_in)(request, context)) as frames:
                async for frame in frames:
                    if frame.head is not None:
                        self._answered(stand_in, context)
                    yield noted(frame, _NOTE, f"{self.name}={stand_in}")

    def _told(self, frame: Frame, limit: int | None) -> Frame:
        return frame if limit is None or frame.head is None else noted(frame, _CAPPED, f"{self.name}={limit}")

    def _share(self) -> float:
        view = self.wiring.fleet()
        return view.brown_out.get(split_name(self.spec.brown_out)[0], 0.0) if view is not None else 0.0

    def _stand_in(self, request: Request, context: Context, share: float) -> str | None:
        """Return who answers instead of the pool, None where nobody should or can."""
        view, pool = self.wiring.fleet(), split_name(self.spec.brown_out)[0]
        if view is None or not share or not movable(self.spec, request, context):
            return None
        if unit("brown-out", pool, sticky_key(self.spec.sticky, request, context)[1]) >= share:
            return None
        ready = (name for name in self.spec.to if (state := view.pools.get(split_name(name)[0])) and state.ready)
        subject = Subject(request, context)
        return next((name for name in ready if able(self.wiring.gives(name), subject)), None)

    def _answered(self, stand_in: str, context: Context) -> None:
        context.chose(self.name, stand_in)
        pool = split_name(self.spec.brown_out)[0]
        moved = self.wiring.remembered(moved_name(pool), Moved, lambda: Moved(pool))
        moved.to[split_name(stand_in)[0]] += 1


def able(given: Capabilities, subject: Subject) -> bool:
    """Say whether a model that gives this takes the request; what only an engine can tell, the engine refuses."""
    return subject.request.endpoint in given and ("images" in given or not subject.prompt.images)


def movable(spec: BrownOutSpec, request: Request, context: Context) -> bool:
    """Say whether anybody but the pool may answer: not if the client, the section or the request itself forbids it."""
    if context.headers.get(HEADER, "").strip().lower() == NEVER or context.group in spec.keep_classes:
        return False
    if request.replica:  # what it keeps for the client, no other model has
        return False
    return spec.unless is None or not holds(spec.unless, Subject(request, context))


def plan(spec: BrownOutSpec, subject: Subject) -> Plan:
    """Say who would stand in; whether anybody does only a running cluster knows."""
    pool, others = spec.brown_out, ", ".join(spec.to)
    limit = lower_limit(spec.cap, subject.request, subject.context)
    shorter = () if limit is None else (f"class {subject.context.group} has at most {limit} tokens meanwhile",)
    if not movable(spec, subject.request, subject.context):
        return Plan(order=(pool,), why=(f"stays with {pool}, whatever the fleet controller says", *shorter))
    dealt, key = sticky_key(spec.sticky, subject.request, subject.context)
    at = 100 * unit("brown-out", split_name(pool)[0], key)
    why = f"while {pool} is short of capacity {others} stands in for a share of its requests"
    moves = f"by {dealt} {key!r} this one moves at shares above {at:.3g} %"
    return Plan(order=(pool, *spec.to), why=(why, moves, *shorter))


def build(name: str, spec: BrownOutSpec, wiring: Wiring) -> Node:
    """Return the node that lets stand-ins answer."""
    return BrownOut(name, spec, wiring)


KIND = Kind(spec=BrownOutSpec, build=build, plan=plan)
