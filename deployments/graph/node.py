"""The one shape of everything that answers: a callable from a request to a stream of frames."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import reduce
from typing import Protocol

from deployments.request import Context, Frame, Request


class Node(Protocol):
    """One step of a serving graph: takes a request, streams its answer.

    The first frame carries a Head. A frame without data says that the first token exists and commits to nothing: until
    data was delivered another branch may take over, with a head of its own, and the last head is the valid one. A node
    raises a ServingError where it cannot answer; closing the stream cancels everything below it.
    """

    def __call__(self, request: Request, context: Context) -> AsyncIterator[Frame]: ...


Layer = Callable[[Node], Node]


def stack(node: Node, *layers: Layer) -> Node:
    """Wrap *node*; the first layer is the outermost."""
    return reduce(lambda inner, layer: layer(inner), reversed(layers), node)
