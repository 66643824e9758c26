"""How many requests stand-ins have answered, for the controller to know the demand behind what a pool was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from deployments.signals import PoolDemand

_NAME = "brown-out "


@dataclass(slots=True)
class Moved:
    """The requests for one pool that others answered, by who did; counts only grow."""

    pool: str
    to: Counter[str] = field(default_factory=Counter)


def moved_name(pool: str) -> str:
    """Return under which name a gateway remembers the counts of *pool*."""
    return f"{_NAME}{pool}"


def with_moved(demand: Mapping[str, PoolDemand], memory: Mapping[str, object]) -> dict[str, PoolDemand]:
    """Return the demand on every pool with what was moved away from it and to it."""
    found = [kept for name, kept in tuple(memory.items()) if name.startswith(_NAME) and isinstance(kept, Moved)]
    away = {one.pool: sum(one.to.values()) for one in found}
    here = sum((one.to for one in found), Counter[str]())
    return {
        name: replace(demand.get(name, PoolDemand()), moved_total=away.get(name, 0), stood_in_total=here[name])
        for name in dict.fromkeys((*demand, *away, *here))
    }
