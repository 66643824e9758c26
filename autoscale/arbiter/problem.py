"""What is scarce and who wants it: all that an allocation is made from, and what one costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from autoscale.arbiter.claim import Claim
from autoscale.arbiter.machines import SLACK, Machine

Given = Mapping[str, int]
# A pool that misses few of many replicas loses less by the next one than a pool that misses most of few.
_FIRST_MISSED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Claims, the higher priority first, on machines (None: as many as it takes) and on a budget.

    On ``machines`` lie the replicas that their pools want to keep, and nothing else. ``evict`` allows to take running
    replicas away, at the price of ``switching`` replicas missed for each.
    """

    claims: tuple[Claim, ...]
    machines: tuple[Machine, ...] | None = None
    gpus: float = math.inf
    cost: float = math.inf
    evict: bool = False
    switching: float = 0.5

    @property
    def overspent(self) -> bool:
        """Say whether what runs is more than the budget already."""
        return not self.affordable({claim.pool: claim.kept for claim in self.claims})

    def affordable(self, given: Given) -> bool:
        """Say whether the budget allows so many replicas of each pool."""
        return self.gpus_left(given) >= -SLACK and self.cost_left(given) >= -SLACK

    def gpus_left(self, given: Given) -> float:
        """Return the GPUs that the budget leaves."""
        return self.gpus - sum(given[claim.pool] * claim.whole_gpus for claim in self.claims)

    def cost_left(self, given: Given) -> float:
        """Return what the budget leaves an hour."""
        return self.cost - sum(given[claim.pool] * claim.price for claim in self.claims)


def missed(claim: Claim, short: int) -> float:
    """Return what a pool loses that is *short* of so many replicas; convex, in the price of a replica."""
    if not claim.wanted:
        return 0.0
    return claim.price * (_FIRST_MISSED * short + short * (short + 1) / (2 * claim.wanted))


def gain(claim: Claim, given: int) -> float:
    """Return what one replica more than *given* is worth."""
    return missed(claim, claim.wanted - given) - missed(claim, claim.wanted - given - 1)


def costs(problem: Problem, given: Given) -> tuple[float, ...]:
    """Return what an allocation costs the pools of each priority, the highest first: less at the first that differs."""
    levels: dict[int, float] = {}
    for claim in problem.claims:
        here = given[claim.pool]
        evicted = max(0, claim.kept - here)
        loss = missed(claim, claim.wanted - here) + evicted * problem.switching * claim.price
        levels[claim.priority] = levels.get(claim.priority, 0.0) + loss
    return tuple(levels[priority] for priority in sorted(levels, reverse=True))


def cheaper(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Say whether the first costs are less, the higher priority counting before all lower ones."""
    for mine, theirs in zip(one, other, strict=True):
        if abs(mine - theirs) > 1e-6 * max(1.0, abs(theirs)):
            return mine < theirs
    return False
