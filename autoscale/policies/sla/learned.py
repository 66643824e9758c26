"""Everything that the SLA policy remembers of one pool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autoscale.capacity.estimate import CapacityEstimator
from autoscale.forecast.forecaster import Forecast, Forecaster
from autoscale.forecast.smoothing import gain
from autoscale.policies.sla.belief import Belief
from autoscale.policies.sla.counted import Counter
from autoscale.policies.sla.headroom import Headroom
from autoscale.policies.sla.idle import Idle
from autoscale.policies.sla.release import Release
from autoscale.policies.sla.starts import Starts

_STEADY_S = 1200.0


@dataclass(slots=True)
class Learned:
    """One pool's learners; ``forecast`` is the last one made, ``forecaster`` ``None`` until a capacity is known."""

    headroom: Headroom
    estimator: CapacityEstimator = field(default_factory=CapacityEstimator)
    starts: Starts = field(default_factory=Starts)
    counter: Counter = field(default_factory=Counter)
    belief: Belief = field(default_factory=Belief)
    release: Release = field(default_factory=Release)
    idle: Idle = field(default_factory=Idle)
    forecaster: Forecaster | None = None
    forecast: Forecast | None = None
    _low_rps: float = 0.0
    _steadied: float = 1.0

    @property
    def factor(self) -> float:
        """Return by what to multiply a capacity of the estimator now: what came of it, and without its rattling."""
        return self.belief.factor * self._steadied

    def follow(self, low_rps: float, gap_s: float) -> None:
        """Take the capacity of one replica; plans follow it over some minutes, since a fit rattles."""
        self._low_rps += (gain(gap_s, _STEADY_S) if self._low_rps else 1.0) * (low_rps - self._low_rps)
        self._steadied = self._low_rps / low_rps

    def plain(self) -> dict[str, Any]:
        """Return what takes long to learn as plain JSON; the rest is back after some minutes."""
        return {
            "headroom": self.headroom.plain(),
            "belief": self.belief.plain(),
            "idle": self.idle.plain(),
            "forecaster": self.forecaster.plain() if self.forecaster else None,
        }

    def take(self, plain: dict[str, Any]) -> None:
        """Take up what an earlier process had learnt. Raises ValueError, KeyError or TypeError for anything else."""
        forecaster = plain["forecaster"]
        for name, value in plain["headroom"].items():
            setattr(self.headroom, name, value)
        self.belief, self.idle = Belief(**plain["belief"]), Idle(**plain["idle"])
        self.forecaster = Forecaster.of(forecaster) if forecaster else None
