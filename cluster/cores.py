"""Whether engines on CPUs get cores of their own, and what each asks of Ray.

Cores are bound only where every replica that may ever run has its own: an engine bound to a core that another one
uses is slower than two engines that the kernel schedules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from cluster.packing import Demand, place, rooms
from cluster.plan import Machine

# The gateway, Ray and the engines' own front ends starve when engines bind every core (measured on two cores).
ASIDE_CPUS = 1.0

# Coarse, so that one replica more or less seldom changes what the others ask for, which restarts them.
_SHARES = (0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """What one replica of each pool asks of Ray, in CPUs; whole cores of its own when ``pinned``."""

    pinned: bool
    cpus: Mapping[str, float]
    note: str | None = None


def divide(engines: Sequence[Demand], others: Sequence[Demand], nodes: Sequence[Machine]) -> Cores:
    """Divide the machines' CPUs among *engines* on CPUs at their most replicas, beside the *others*."""
    wanted = {demand.pool: demand.parts[0].cpus for demand in engines}
    whole = {pool: float(ceil(cpus)) for pool, cpus in wanted.items()}
    if _fits(engines, whole, others, nodes):
        return Cores(pinned=True, cpus=whole)
    asked = {pool: min(_SHARES[-1], cpus) for pool, cpus in wanted.items()}
    for share in _SHARES:
        trial = {pool: min(share, cpus) for pool, cpus in wanted.items()}
        if _fits(engines, trial, others, nodes):
            asked = trial
            break
    return Cores(pinned=False, cpus=asked, note=_note(engines, asked, whole, nodes))


def _fits(
    engines: Iterable[Demand], cpus: Mapping[str, float], others: Iterable[Demand], nodes: Sequence[Machine]
) -> bool:
    resized = [_with_cpus(demand, cpus[demand.pool]) for demand in engines]
    demands = [*others, *resized]
    placed = place(demands, rooms(nodes, aside=ASIDE_CPUS))
    return all(placed[demand.pool] == demand.replicas for demand in resized)


def _with_cpus(demand: Demand, cpus: float) -> Demand:
    """Return the demand on CPUs alone: memory is counted elsewhere and must not decide about cores."""
    return replace(demand, parts=(replace(demand.parts[0], cpus=cpus, memory=None),))


def _note(
    engines: Sequence[Demand], asked: Mapping[str, float], whole: Mapping[str, float], nodes: Sequence[Machine]
) -> str:
    count = sum(demand.replicas for demand in engines)
    cores = sum(node.cpus for node in nodes)
    own = sum(whole[demand.pool] * demand.replicas for demand in engines)
    each = " and ".join(f"{share:g}" for share in sorted(set(asked.values())))
    return (
        f"{count} engine{'s' * (count > 1)} share{'s' * (count == 1)} {cores} core{'s' * (cores > 1)} without pinning: "
        f"cores of their own would take {own:g}, and one of each machine is kept for the gateway and Ray; "
        f"each replica asks Ray for {each} CPU"
    )
