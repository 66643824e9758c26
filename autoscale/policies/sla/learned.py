"""Everything that the SLA policy remembers of one pool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autoscale.capacity.estimate import CapacityEstimator
from autoscale.forecast.forecaster import Forecast, Forecaster
from autoscale.policies.sla.belief import Belief
from autoscale.policies.sla.counted import Counter
from autoscale.policies.sla.growth import Growth
from autoscale.policies.sla.headroom import Headroom
from autoscale.policies.sla.idle import Idle
from autoscale.policies.sla.margin import Margin
from autoscale.policies.sla.release import Release
from autoscale.policies.sla.starts import Starts


@dataclass(slots=True)
class Learned:
    """One pool's learners; ``forecast`` is the last one made, ``forecaster`` ``None`` until a capacity is known."""

    headroom: Headroom
    estimator: CapacityEstimator
    starts: Starts = field(default_factory=Starts)
    counter: Counter = field(default_factory=Counter)
    belief: Belief = field(default_factory=Belief)
    release: Release = field(default_factory=Release)
    growth: Growth = field(default_factory=Growth)
    idle: Idle = field(default_factory=Idle)
    forecaster: Forecaster | None = None
    forecast: Forecast | None = None
    margin: Margin = field(default_factory=Margin)

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
