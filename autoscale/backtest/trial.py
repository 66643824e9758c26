"""One trace on one fleet, on which any policy can be tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from autoscale.backtest.figures import Figures, figures
from autoscale.policy import Policy
from autoscale.sim.arrivals import Trace
from autoscale.sim.outcome import Outcome
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.sim.traces.generated import Generated, reseeded
from autoscale.sim.world import simulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A scenario and each pool's arrivals, which can be iterated again and again.

    ``sources`` say of each pool where its profile is from and how far that may be off.
    """

    name: str
    scenario: Scenario
    arrivals: Mapping[str, Trace]
    sources: Mapping[str, str] = field(default_factory=dict)

    def run(self, policy: Policy) -> Outcome:
        """Simulate *policy* on it."""
        return simulate(self.scenario, self.arrivals, policy)

    def figures(self, outcome: Outcome) -> Figures:
        """Sum up what came of one of its runs."""
        return figures(outcome, {pool.name: pool.hardware.gpus for pool in self.scenario.pools})

    @property
    def recorded(self) -> bool:
        """Tell whether every seed has the same requests."""
        return not any(isinstance(trace, Generated) for trace in self.arrivals.values())

    @property
    def unit(self) -> str:
        """Return what is paid in: GPU-hours, or cost where no pool has GPUs."""
        return "GPU-hours" if any(pool.hardware.gpus for pool in self.scenario.pools) else "cost"

    def price(self, pool: SimPool) -> float:
        """Return what an hour of one of the pool's replicas is in that unit."""
        return pool.hardware.gpus if self.unit == "GPU-hours" else pool.hardware.cost_per_hour

    def seeded(self, seed: int) -> Trial:
        """Return the same trial with other luck: other requests too where they are generated, not recorded."""
        arrivals = {name: reseeded(trace, seed) for name, trace in self.arrivals.items()}
        return replace(self, scenario=replace(self.scenario, seed=seed), arrivals=arrivals)

    @property
    def plain(self) -> Trial:
        """Return it without what nothing that happens in it follows from: names for people."""
        return replace(self, name="", sources={})

    def foreseen(self, initial: Mapping[str, int]) -> Trial:
        """Return the trial as foresight meets it: starts take exactly their median, none fails, signals are at once.

        Each pool begins with what *initial* plans for it.
        """
        pools = tuple(
            replace(
                pool,
                initial_replicas=initial.get(pool.name, pool.initial_replicas),
                profile=replace(pool.profile, starts=replace(pool.profile.starts, sigma=0.0, failure_share=0.0)),
            )
            for pool in self.scenario.pools
        )
        return replace(self, scenario=replace(self.scenario, pools=pools, signal_lag_s=0.0, capacity_error=0.0))


def alone(trial: Trial, pool: SimPool) -> Trial:
    """Return the trial of one pool without the others."""
    only = replace(trial.scenario, pools=(replace(pool, stand_ins=()),), inventory=None)
    own = {name: trace for name, trace in trial.arrivals.items() if name == pool.name}
    return replace(trial, scenario=only, arrivals=own)
