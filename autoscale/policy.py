"""What a scaling policy is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from autoscale.fleet import Fleet, PoolFleet


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDecision:
    """How many replicas one pool should have, and why, with the numbers.

    ``binds`` names the rule that set the number; ``rejected`` says, each in a few words, what else was considered and
    why it lost. ``numbers`` are the quantities that the rule saw, with their units in their names. ``release`` names
    the machines that replicas should leave first, once for each, so that whole machines become empty. It is advice, on
    which nothing acts: Serve itself chooses the replicas that it stops.
    """

    replicas: int
    reason: str
    binds: str = ""
    rejected: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    release: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer for every pool of the fleet that was asked about.

    ``brown_out`` is the share of a pool's requests, in [0, 1], that its stand-ins should take while capacity is late.
    """

    pools: Mapping[str, PoolDecision]
    brown_out: Mapping[str, float] = field(default_factory=dict)


class Policy(Protocol):
    """Size the pools of a fleet.

    Reads only *fleet*: no clock, no I/O, no randomness. It may remember what it was asked before, so a fresh instance
    that is shown the same fleets in the same order gives the same decisions.
    """

    def decide(self, fleet: Fleet) -> Decision:
        """Answer for every pool in *fleet*."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A policy with something worth keeping over a restart of the controller, such as the season of a week.

    Combinators need not pass it on: whoever keeps it finds every policy inside another by itself.
    """

    def remembered(self) -> Mapping[str, Any]:
        """Return what to keep as plain JSON, in a few hundred kilobytes at most."""
        ...

    def recall(self, remembered: Mapping[str, Any]) -> None:
        """Take up what an earlier instance of the same class had kept; raises ValueError where it makes no sense."""
        ...


def hold(pool: PoolFleet, why: str) -> PoolDecision:
    """Leave *pool* as it is."""
    return PoolDecision(replicas=pool.target, reason=f"hold: {why}")


def size_each(fleet: Fleet, by: Callable[[str, PoolFleet], PoolDecision]) -> Decision:
    """Ask *by* about each pool on its own; a pool that is not wholly seen does not get smaller."""

    def seen(name: str, pool: PoolFleet) -> PoolDecision:
        told = by(name, pool)
        return hold(pool, "; ".join(pool.blind)) if pool.blind and told.replicas < pool.target else told

    return Decision(pools={name: seen(name, pool) for name, pool in fleet.pools.items()})


def revise(fleet: Fleet, decision: Decision, by: Callable[[str, PoolFleet, PoolDecision], PoolDecision]) -> Decision:
    """Pass the decision on each pool through *by*, which is given the pool's name, state and decision."""
    return replace(decision, pools={name: by(name, pool, decision.pools[name]) for name, pool in fleet.pools.items()})
