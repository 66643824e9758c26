"""What a node may use of its surroundings while it is being built."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, TypeVar

from deployments.answers.levels import Answers
from deployments.cost.costs import Costs
from deployments.errors import ServingError
from deployments.graph.background import Background
from deployments.graph.capability import EVERYTHING, Capabilities
from deployments.graph.meters import Meters, Unmetered
from deployments.graph.node import Node
from deployments.request import Context
from deployments.signals import FleetView
from deployments.telemetry.records import RecordSink, unrecorded

T = TypeVar("T")


class EdgeObserver(Protocol):
    """Is told how each hand-over to a target ended: ``ok``, ``cancelled`` or an error's code."""

    def __call__(self, node: str, target: str, outcome: str) -> None: ...


def unobserved(node: str, target: str, outcome: str) -> None:
    """Ignore what happens on the edges."""


class HiddenObserver(Protocol):
    """Is told of completion tokens that were generated for a request and that no client sees."""

    def __call__(self, node: str, tokens: int) -> None: ...


def uncounted(node: str, tokens: int) -> None:
    """Ignore tokens that no client sees."""


class ShadowObserver(Protocol):
    """Is told how each mirrored request ended, and how well the answers agree where that was judged, in [0, 1]."""

    def __call__(self, node: str, outcome: str, agreement: float | None) -> None: ...


def unnoticed(node: str, outcome: str, agreement: float | None) -> None:
    """Ignore mirrored requests."""


class NodeTracer(Protocol):
    """Returns a node with a tracing span around each call, or the node itself where nothing is traced."""

    def __call__(self, name: str, kind: str, node: Node) -> Node: ...


def untraced(name: str, kind: str, node: Node) -> Node:  # noqa: ARG001
    """Trace nothing."""
    return node


def same(name: str) -> str:
    """Know nothing of what is behind a name: under the same name is the same."""
    return name


def everything(name: str) -> Capabilities:  # noqa: ARG001
    """Know nothing of what is behind a name: it is taken to give all there is."""
    return EVERYTHING


def no_node(name: str) -> Node:
    """Know no other node."""
    raise LookupError(f"there is no node {name!r} before the graph is compiled")


def no_fleet() -> FleetView | None:
    """Know nothing of the fleet."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The other nodes by name, who is told about the edges between them, and what lives as long as the process.

    ``clock`` is monotonic and the one of ``Context.deadline_s``; ``fleet`` returns the controller's last word;
    ``memory`` holds, by name, what nodes have learned and what survives a new graph (breakers, latencies, counts);
    ``identity`` tells what answers under a name, and so for how long what was learned of it holds; ``gives`` what it
    gives. ``answers`` are those that may be given again, ``costs`` is told what calls of models cost.
    """

    node: Callable[[str], Node] = no_node
    observe: EdgeObserver = unobserved
    hidden: HiddenObserver = uncounted
    traced: NodeTracer = untraced
    meters: Meters = field(default_factory=Unmetered)
    clock: Callable[[], float] = time.monotonic
    fleet: Callable[[], FleetView | None] = no_fleet
    background: Background = field(default_factory=Background)
    records: RecordSink = unrecorded
    shadowed: ShadowObserver = unnoticed
    memory: dict[str, object] = field(default_factory=dict)
    identity: Callable[[str], str] = same
    gives: Callable[[str], Capabilities] = everything
    answers: Answers = field(default_factory=Answers)
    costs: Costs = field(default_factory=Costs)

    def remembered(self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """Return what was remembered under *name*, or remember something new when it is nothing of that *kind*."""
        kept = self.memory.get(name)
        if not isinstance(kept, kind):
            kept = self.memory[name] = make()
        return kept

    def took(self, node: str, tokens: int, context: Context) -> None:
        """Tell of *tokens* that *node* had generated for the request of *context*, and that no client sees."""
        if tokens:
            self.hidden(node, tokens)
            context.unseen(tokens)

    def edge(self, node: str, target: str) -> AbstractContextManager[None]:
        """Observe one hand-over from *node* to *target*, however it ends."""
        return _Edge(self.observe, node, target)


class _Edge:
    """One hand-over; a class, since each request has several and a generator takes three times as long."""

    __slots__ = ("_node", "_observe", "_target")

    def __init__(self, observe: EdgeObserver, node: str, target: str) -> None:
        self._observe, self._node, self._target = observe, node, target

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._observe(self._node, self._target, _outcome(error))


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, ServingError):
        return error.code
    return ServingError.code if isinstance(error, Exception) else "cancelled"
