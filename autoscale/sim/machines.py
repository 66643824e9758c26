"""The hardware of a simulation: which node takes a replica, and what happens to it with its node."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from autoscale.hardware import Hardware, Inventory, Node

_TINY = 1e-9


@dataclass(slots=True, kw_only=True)
class _Machine:
    node: Node
    gpus: float
    cpus: float
    up: bool = True
    pools: Counter[str] = field(default_factory=Counter)

    def fits(self, hardware: Hardware) -> bool:
        kind = self.node.kind == hardware.kind
        return self.up and kind and self.gpus + _TINY >= hardware.gpus and self.cpus + _TINY >= hardware.cpus


class Machines:
    """The nodes of an inventory; without one there is room for everything."""

    def __init__(self, inventory: Inventory | None) -> None:
        self._limited = inventory is not None
        nodes = inventory.nodes if inventory else ()
        self._machines = {node.node: _Machine(node=node, gpus=node.gpus, cpus=node.cpus) for node in nodes}
        self._addable = list(inventory.addable) if inventory else []
        self._added = 0

    @property
    def nodes(self) -> list[str]:
        """Return the names of the nodes that are up."""
        return [name for name, machine in self._machines.items() if machine.up]

    def take(self, pool: str, hardware: Hardware) -> str | None:
        """Place a replica and return its node, the fullest that fits; None where there is no room.

        A node that may be added is added when no other fits.
        """
        if not self._limited:
            return ""
        fitting = [machine for machine in self._machines.values() if machine.fits(hardware)] or self._add(hardware)
        if not fitting:
            return None
        best = min(fitting, key=lambda machine: (machine.gpus, machine.cpus, machine.node.node))
        self._move(best, pool, hardware, 1)
        return best.node.node

    def give_back(self, node: str, pool: str, hardware: Hardware) -> None:
        """Free what a replica had."""
        if self._limited:
            self._move(self._machines[node], pool, hardware, -1)

    def fail(self, node: str) -> None:
        """Take a node away; its replicas are the caller's to end."""
        self._machines[node].up = False

    def repair(self, node: str) -> None:
        """Bring a node back."""
        self._machines[node].up = True

    def inventory(self) -> Inventory | None:
        """Return what there is now, as a policy sees it."""
        if not self._limited:
            return None
        up = [machine for machine in self._machines.values() if machine.up]
        return Inventory(
            nodes=tuple(machine.node for machine in up),
            placed={machine.node.node: dict(+machine.pools) for machine in up},
            addable=tuple((node, count) for node, count in self._addable if count),
        )

    def _add(self, hardware: Hardware) -> list[_Machine]:
        for at, (node, count) in enumerate(self._addable):
            new = _Machine(node=node, gpus=node.gpus, cpus=node.cpus)
            if count and new.fits(hardware):
                self._addable[at] = (node, count - 1)
                self._added += 1
                new.node = replace(node, node=f"{node.node}+{self._added}")
                self._machines[new.node.node] = new
                return [new]
        return []

    def _move(self, machine: _Machine, pool: str, hardware: Hardware, by: int) -> None:
        machine.gpus -= by * hardware.gpus
        machine.cpus -= by * hardware.cpus
        machine.pools[pool] += by
