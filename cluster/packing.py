"""Whether replicas fit on machines: first fit, the largest replicas first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.placement import Shape
from cluster.plan import Machine

_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """So many replicas of a pool; each part of a replica must lie on one machine."""

    pool: str
    replicas: int
    parts: tuple[Shape, ...]


@dataclass(slots=True)
class Room:
    """What is left of one machine; a fraction of a GPU comes from one GPU."""

    cpus: float
    memory: float
    gpus: list[float] = field(default_factory=list)

    def take(self, part: Shape) -> bool:
        """Place *part* here if it fits."""
        if part.cpus > self.cpus + _SLACK or (part.memory or 0) > self.memory:
            return False
        left = _gpus_left(self.gpus, part)
        if left is None:
            return False
        self.cpus, self.memory, self.gpus = self.cpus - part.cpus, self.memory - (part.memory or 0), left
        return True

    def copy(self) -> Room:
        """Return the same room, to be filled on trial."""
        return Room(self.cpus, self.memory, list(self.gpus))


def rooms(nodes: Iterable[Machine], *, aside: float = 0.0) -> list[Room]:
    """Return empty machines; *aside* CPUs of each, though at most half of them, are kept out."""
    return [Room(node.cpus - min(aside, node.cpus / 2), node.memory, [1.0] * node.gpus) for node in nodes]


def place(demands: Iterable[Demand], into: list[Room]) -> Mapping[str, int]:
    """Fill the rooms and return how many replicas of each pool found a place."""
    return {demand.pool: _place(demand, into) for demand in sorted(demands, key=_size, reverse=True)}


def _place(demand: Demand, into: list[Room]) -> int:
    count = 0
    if len(demand.parts) > 1:
        while count < demand.replicas and _take_all(demand.parts, into):
            count += 1
        return count
    for room in into:
        while count < demand.replicas and room.take(demand.parts[0]):
            count += 1
    return count


def _take_all(parts: Sequence[Shape], into: list[Room]) -> bool:
    trial = [room.copy() for room in into]
    for part in parts:
        if not any(room.take(part) for room in trial):
            return False
    into[:] = trial
    return True


def _gpus_left(free: list[float], part: Shape) -> list[float] | None:
    if not part.gpus:
        return free
    each, left = part.gpus / part.ranks, sorted(free)
    for _ in range(part.ranks):
        at = next((at for at, amount in enumerate(left) if amount >= each - _SLACK), None)
        if at is None:
            return None
        left[at] -= each
        left.sort()
    return left


def _size(demand: Demand) -> tuple[float, float, float]:
    return (
        sum(part.gpus for part in demand.parts),
        sum(part.memory or 0 for part in demand.parts),
        sum(part.cpus for part in demand.parts),
    )
