"""Where requests may end, and the way of one that can end in one place only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass

from deployments.adapters import split_name
from deployments.graph.closing import closing
from deployments.graph.kind import KindSpec
from deployments.graph.node import Node
from deployments.graph.wiring import Wiring
from deployments.request import Context, Frame, Request
from deployments.response_id import place_of


def reachable(name: str, graph: Mapping[str, KindSpec]) -> frozenset[str]:
    """Return the models that a request for *name* may end at; an adapter's is the one that it is for."""
    if name not in graph:
        return frozenset({split_name(name)[0]})
    return frozenset().union(*(reachable(target, graph) for target in graph[name].answering()))


@dataclass(frozen=True, slots=True)
class Homeward:
    """A node that has a choice, for all requests but those bound to a replica: they have none.

    What goes on from a stored response is handed to the first target that leads to the pool which keeps it.
    """

    name: str
    node: Node
    graph: Mapping[str, KindSpec]
    wiring: Wiring

    def __call__(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the answer."""
        place = place_of(str(request.body.get("previous_response_id"))) if request.replica else None
        for target in self.graph[self.name].answering() if place is not None else ():
            if place is not None and place.pool in reachable(target, self.graph):
                return self._handed(target, request, context)
        return self.node(request, context)

    async def _handed(self, target: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        with self.wiring.edge(self.name, target):
            async with closing(self.wiring.node(target)(request, context.enter(self.name))) as frames:
                async for frame in frames:
                    yield frame


def homeward(name: str, node: Node, graph: Mapping[str, KindSpec], wiring: Wiring) -> Node:
    """Return *node* as what is bound to a replica passes it; one that has to see every request is left as it is."""
    spec = graph[name]
    chooses = not spec.looks_at_all and len(set(spec.answering())) > 1
    return Homeward(name, node, graph, wiring) if chooses else node
