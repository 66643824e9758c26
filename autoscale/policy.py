"""What a scaling policy is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from autoscale.fleet import Fleet, PoolFleet


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDecision:
    """How many replicas one pool should have, and why, with the numbers."""

    replicas: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer for every pool of the fleet that was asked about."""

    pools: Mapping[str, PoolDecision]


class Policy(Protocol):
    """Size the pools of a fleet.

    Reads only *fleet*: no clock, no I/O, no randomness. It may remember what it was asked before, so a fresh instance
    that is shown the same fleets in the same order gives the same decisions.
    """

    def decide(self, fleet: Fleet) -> Decision:
        """Answer for every pool in *fleet*."""
        ...


def hold(pool: PoolFleet, why: str) -> PoolDecision:
    """Leave *pool* as it is."""
    return PoolDecision(replicas=pool.target, reason=f"hold: {why}")


def revise(fleet: Fleet, decision: Decision, by: Callable[[str, PoolFleet, PoolDecision], PoolDecision]) -> Decision:
    """Pass the decision on each pool through *by*, which is given the pool's name, state and decision."""
    return Decision(pools={name: by(name, pool, decision.pools[name]) for name, pool in fleet.pools.items()})
