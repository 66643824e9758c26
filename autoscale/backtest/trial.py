"""One trace on one fleet, on which any policy can be tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from autoscale.backtest.figures import Figures, figures
from autoscale.policy import Policy
from autoscale.sim.arrivals import Trace
from autoscale.sim.outcome import Outcome
from autoscale.sim.scenario import Scenario, SimPool
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

    def seeded(self, seed: int) -> Trial:
        """Return the same trial with other luck."""
        return replace(self, scenario=replace(self.scenario, seed=seed))

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
    return replace(trial, scenario=only, arrivals={pool.name: trial.arrivals[pool.name]})
