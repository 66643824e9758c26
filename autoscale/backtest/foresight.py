"""A schedule that was made knowing what comes, as a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autoscale.backtest.levels import Counts
from autoscale.fleet import Fleet, PoolFleet
from autoscale.policy import Decision, PoolDecision, hold


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """How many replicas are to be ready in each step of ``step_s`` seconds from ``start_s`` on."""

    counts: Counts
    step_s: float
    start_s: float = 0.0

    def most(self, from_s: float, until_s: float) -> int:
        """Return the most that is planned between two times; the first and last step stand for what is outside."""
        last = len(self.counts) - 1
        first = min(last, max(0, int((from_s - self.start_s) // self.step_s)))
        end = min(last, max(first, int((until_s - self.start_s) // self.step_s)))
        return int(np.max(self.counts[first : end + 1]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foresight:
    """Follow each pool's plan, asking for replicas ``lead_s`` before they are to be ready; other pools hold.

    Within the lead nothing is released that is planned again before it ends: the plan itself bridges such gaps.
    """

    plans: Mapping[str, Plan]
    lead_s: float = 0.0

    def decide(self, fleet: Fleet) -> Decision:
        """Return what the plans say for now and for the end of the lead."""
        return Decision(pools={name: self._planned(name, pool, fleet.at_s) for name, pool in fleet.pools.items()})

    def _planned(self, name: str, pool: PoolFleet, at_s: float) -> PoolDecision:
        if name not in self.plans:
            return hold(pool, "no plan")
        return PoolDecision(replicas=self.plans[name].most(at_s, at_s + self.lead_s), reason="planned")
