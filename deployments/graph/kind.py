"""What a kind of graph node is made of: a section of the config, the names it leads to, and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from deployments.graph.capability import Capabilities, Need, common
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.strict import Loc, Strict


class KindSpec(Strict):
    """One graph node as configured; the kind's own key names it, the other keys are its options.

    One that ``looks_at_all`` is passed by no request, also not by one that can end in one place only.
    """

    looks_at_all: ClassVar[bool] = False

    def targets(self) -> list[tuple[Loc, str]]:
        """Return every name that the node may hand a request to, each with its place in the section."""
        raise NotImplementedError

    def answering(self) -> list[str]:
        """Return the targets whose answers clients get; any others only help (a judge, a classifier, a candidate)."""
        return [name for _, name in self.targets()]

    def needs(self) -> list[Need]:
        """Return what the node cannot do without from its targets; checked when the config is loaded."""
        return []

    def gives(self, given: Callable[[str], Capabilities]) -> Capabilities:
        """Return what the node gives, *given* what each target does: what all that answer have in common."""
        return common(given(name) for name in self.answering())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a node would do with a request: the targets in the order it would try them, and why."""

    order: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind: how it is written, built (from its name, section and surroundings) and explained."""

    spec: type[KindSpec]
    build: Callable[[str, Any, Wiring], Node]
    plan: Callable[[Any, Subject], Plan]
