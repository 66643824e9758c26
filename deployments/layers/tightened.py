"""tightened: give what is below less time than the request has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from deployments.graph.node import Layer, Node
from deployments.layers.deadline import deadline
from deployments.request import Context, Frame, Request


def tightened(limit_s: float, clock: Callable[[], float]) -> Layer:
    """Return the layer that ends a request *limit_s* seconds after it came, unless its own time is over sooner."""

    def layer(inner: Node) -> Node:
        bounded = deadline(clock)(inner)

        def limited(request: Request, context: Context) -> AsyncIterator[Frame]:
            return bounded(request, replace(context, deadline_s=min(context.deadline_s, clock() + limit_s)))

        return limited

    return layer
