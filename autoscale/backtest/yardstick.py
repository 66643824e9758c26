"""What a trace asks of each pool, in replicas that were measured under the same traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autoscale.backtest.calibrate import Carried, carried, lengths
from autoscale.backtest.demand import Floats, Offered, engine_seconds, offered
from autoscale.backtest.levels import Work
from autoscale.backtest.trial import Trial
from autoscale.sim.scenario import SimPool

STEP_S = 15.0
_ROUNDS = 3
_FIRST = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Yardstick:
    """One pool's trace summed up, and what one replica carries in a pool as large as the trace needs on average."""

    pool: SimPool
    offered: Offered
    carried: Carried

    @property
    def demand(self) -> Floats:
        """Return the replicas that each step asks for."""
        return self.offered.replicas(self.carried.seconds_per_s)

    @property
    def work(self) -> Work:
        """Return the demand, as far as the pool's maximum can serve it, with the price of a start: its median time."""
        return Work(
            replicas=np.minimum(self.demand, self.pool.max_replicas),
            step_s=STEP_S,
            start_s=self.pool.profile.starts.median_s,
            least=self.pool.min_replicas,
        )


def measured(trial: Trial, share: float) -> Mapping[str, Yardstick]:
    """Measure every pool that has arrivals; *share* of requests must be within every target.

    Raises ValueError for a pool that no number of replicas keeps within its targets.
    """
    return {pool.name: _measured(trial, pool, share) for pool in trial.scenario.pools if pool.name in trial.arrivals}


def _measured(trial: Trial, pool: SimPool, share: float) -> Yardstick:
    seconds_of, trace = engine_seconds(pool.profile.step), trial.arrivals[pool.name]
    drawn, replicas, rate_rps = lengths(trace), min(_FIRST, pool.max_replicas), 0.0
    for _ in range(_ROUNDS):  # what one carries depends a little on how many share the load
        found = carried(
            trial.scenario, pool, drawn, seconds_of, replicas=replicas, share=share, guess_rps=0.9 * rate_rps
        )
        rate_rps = found.rate_rps
        sums = offered(trace, seconds_of, STEP_S, found.token_s)
        needed = max(1, min(pool.max_replicas, round(float(np.mean(sums.replicas(found.seconds_per_s))))))
        if needed == replicas:
            break
        replicas = needed
    return Yardstick(pool=pool, offered=sums, carried=found)
