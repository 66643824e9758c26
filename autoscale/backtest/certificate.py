"""How far the optimum that was found is from a bound that no such schedule goes below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autoscale.backtest.bounds import dual_s
from autoscale.backtest.hindsight import horizon_s
from autoscale.backtest.trial import Trial
from autoscale.backtest.yardstick import Yardstick

_HOUR_S = 3600.0
HOLDS_FOR = "schedules that drop work beyond the share and serve none of it late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the optimum pays and the dual bound, both in ``unit``; served late, work may cost less than the bound."""

    name: str
    paid: float
    bound: float
    unit: str

    @property
    def gap(self) -> float:
        """Return how much more than the bound is paid, as a share of the bound; nan without a bound."""
        return self.paid / self.bound - 1 if self.bound else float("nan")

    @property
    def told(self) -> str:
        """Say it in a sentence."""
        return f"{self.name} pays {self.gap:+.1%} of the dual bound, {self.bound:.1f} {self.unit}, of {HOLDS_FOR}."


def bound(trial: Trial, sticks: Mapping[str, Yardstick], share: float) -> float:
    """Return the dual bound of all pools in the trial's unit; a pool without arrivals has its minimum."""
    hours = {name: dual_s(stick.work, 1 - share) / _HOUR_S for name, stick in sticks.items()}
    idle_h = horizon_s(trial, sticks) / _HOUR_S
    return sum(trial.price(pool) * hours.get(pool.name, pool.min_replicas * idle_h) for pool in trial.scenario.pools)
