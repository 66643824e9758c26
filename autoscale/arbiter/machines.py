"""The machines that replicas can lie on, and what lies there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from autoscale.arbiter.claim import Claim
from autoscale.arbiter.spec import MachinesSpec, SharedSpec
from autoscale.hardware import Inventory, Node

SLACK = 1e-9


@dataclass(slots=True)
class Machine:
    """One machine: what is left of it, and how many parts of replicas of each pool lie there.

    ``size`` is its GPUs in all, or its CPUs where it has none; ``there`` is false until Ray has added it.
    """

    name: str
    kind: str
    gpus: float
    cpus: float
    seats: dict[str, int] = field(default_factory=dict)
    there: bool = True
    size: float = 0.0

    def fits(self, claim: Claim) -> int:
        """Return how many parts of replicas of *claim* find room."""
        if not self.suits(claim):
            return 0
        by_gpus = (self.gpus + SLACK) / claim.gpus if claim.gpus else math.inf
        by_cpus = (self.cpus + SLACK) / claim.cpus if claim.cpus else math.inf
        room = min(by_gpus, by_cpus)
        return math.floor(room) if room < math.inf else 10**9

    def has_room(self, claim: Claim) -> bool:
        """Say whether one part finds room."""
        return self.gpus >= claim.gpus - SLACK and self.cpus >= claim.cpus - SLACK and self.suits(claim)

    def suits(self, claim: Claim) -> bool:
        """Say whether it is of the kind that *claim* needs, as far as either says."""
        return not claim.kind or not self.kind or claim.kind == self.kind

    def take(self, claim: Claim, parts: int) -> None:
        """Seat some parts, or with a negative number let go of them."""
        self.gpus -= parts * claim.gpus
        self.cpus -= parts * claim.cpus
        here = self.seats.get(claim.pool, 0) + parts
        if here > 0:
            self.seats[claim.pool] = here
        else:
            self.seats.pop(claim.pool, None)

    def copy(self) -> Machine:
        """Return the same machine, to be filled on trial."""
        return Machine(self.name, self.kind, self.gpus, self.cpus, dict(self.seats), self.there, self.size)


def limits(spec: SharedSpec, inventory: Inventory | None) -> Inventory | None:
    """Return the machines that there are and that may be added; None where nothing but money limits them."""
    if spec.machines:
        return _written(spec.machines, inventory)
    return inventory if spec.inventory == "observed" else None


def _written(shapes: Sequence[MachinesSpec], inventory: Inventory | None) -> Inventory:
    """Return what is written, and of that what is there now where somebody has looked."""
    there: list[Node] = []
    addable: list[tuple[Node, int]] = []
    for at, shape in enumerate(shapes):
        one = Node(node=f"machines[{at}]", kind=shape.kind, gpus=shape.gpus, cpus=shape.cpus or math.inf)
        if inventory is None:
            alike = [replace(one, node=f"{one.node}#{number}") for number in range(shape.count)]
        else:
            alike = [node for node in inventory.nodes if _is(node, shape)]
        there.extend(alike)
        addable.append((one, max(0, (shape.most or 0) - len(alike))))
    placed = inventory.placed if inventory is not None else {}
    return Inventory(nodes=tuple(there), placed=placed, addable=tuple((node, more) for node, more in addable if more))


def _is(node: Node, shape: MachinesSpec) -> bool:
    return node.gpus == shape.gpus and (not shape.kind or node.kind == shape.kind)


def occupied(inventory: Inventory, claims: Sequence[Claim]) -> list[Machine]:
    """Return the machines with all replicas seated, those that drain included; where nobody says, by first fit."""
    found = [_machine(node, node.node) for node in inventory.nodes]
    for claim in claims:
        left = claim.parts * (claim.has + claim.leaving)
        for machine in found:
            counted = min(left, inventory.placed.get(machine.name, {}).get(claim.pool, 0))
            if counted:
                machine.take(claim, counted)
                left -= counted
        seat(claim, left, found)
    return [*found, *_more(inventory.addable, claims)]


def _more(addable: Iterable[tuple[Node, int]], claims: Sequence[Claim]) -> Iterator[Machine]:
    """Yield the machines that may be added, as many as could be of use."""
    useful = sum(claim.parts * max(0, claim.wanted - claim.kept) for claim in claims)
    for node, most in addable:
        for number in range(1, min(most, useful) + 1):
            yield _machine(node, f"{node.node}+{number}", there=False)


def _machine(node: Node, name: str, *, there: bool = True) -> Machine:
    return Machine(name, node.kind, node.gpus, node.cpus, there=there, size=node.gpus or node.cpus)


def seat(claim: Claim, parts: int, among: Sequence[Machine]) -> int:
    """Seat as many of *parts* as fit, in the fullest machines first; return how many found none."""
    for machine in sorted(among, key=lambda one: (not one.there, not one.seats, one.gpus, one.cpus)):
        if parts <= 0:
            break
        seated = min(parts, machine.fits(claim))
        if seated:
            machine.take(claim, seated)
            parts -= seated
    return parts
