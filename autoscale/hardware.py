"""What a replica runs on, and what there is of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What one replica takes of a node, and what that costs an hour in the operator's currency.

    ``kind`` names the accelerator, such as Ray's ``accelerator_type``; ``cpu`` where there is none. A profile measured
    on one kind says nothing about another.
    """

    kind: str = "cpu"
    gpus: float = 0.0
    cpus: float = 1.0
    cost_per_hour: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine: its accelerators' kind, and how much of each resource it has in all."""

    node: str
    kind: str = "cpu"
    gpus: float = 0.0
    cpus: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The machines that there are, the replicas on each by pool, and how many machines of each kind may be added."""

    nodes: tuple[Node, ...] = ()
    placed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    addable: tuple[tuple[Node, int], ...] = ()
