"""A schedule played through the simulator that judges the policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autoscale.backtest.foresight import Foresight, Plan
from autoscale.backtest.levels import Counts
from autoscale.backtest.trial import Trial
from autoscale.sim.outcome import Outcome
from autoscale.sim.scenario import Scenario, SimPool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """One pool's schedule and what came of it; ``told`` names its parameters."""

    pool: str
    counts: Counts
    told: str
    outcome: Outcome

    @property
    def attainment(self) -> float:
        """Return the share of the pool's requests within every target."""
        return self.outcome.pools[self.pool].attainment

    @property
    def paid_s(self) -> float:
        """Return the replica-seconds paid."""
        return self.outcome.pools[self.pool].replica_seconds


Replay = Callable[[Counts, str], Replayed]


def lead(scenario: Scenario, pool: SimPool) -> float:
    """Return how many seconds before a replica is to be ready its plan asks for it."""
    return pool.profile.starts.median_s + scenario.serve_lag_s + scenario.interval_s


def replayer(trial: Trial, pool: str, step_s: float) -> Replay:
    """Return what replays the counts of one pool, with replicas asked for early enough to be ready."""
    chosen = next(one for one in trial.scenario.pools if one.name == pool)
    lead_s = lead(trial.scenario, chosen)

    def replay(counts: Counts, told: str) -> Replayed:
        began_s = trial.scenario.began_s
        planned = np.clip(counts, chosen.min_replicas, chosen.max_replicas)
        plan = Plan(counts=planned, step_s=step_s, start_s=began_s)
        foreseen = trial.foreseen({pool: plan.most(began_s, began_s + lead_s)})
        outcome = foreseen.run(Foresight(plans={pool: plan}, lead_s=lead_s))
        return Replayed(pool=pool, counts=counts, told=told, outcome=outcome)

    return replay
