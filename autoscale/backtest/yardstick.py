"""What a trace asks of each pool, in replicas that were measured under the same traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from autoscale.backtest.calibrate import Carried, Lengths, carried, lengths
from autoscale.backtest.demand import Floats, Offered, engine_seconds, offered
from autoscale.backtest.draining import drain_s
from autoscale.backtest.levels import Work
from autoscale.backtest.memory import Memory, key_of
from autoscale.backtest.replay import lead
from autoscale.backtest.trial import Trial
from autoscale.sim.scenario import Scenario, SimPool

STEP_S = 15.0
_ROUNDS = 3
_FIRST = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Yardstick:
    """One pool's trace summed up, and what one replica carries in a pool as large as the trace needs on average.

    ``start_s`` is what a start costs beyond the time that the replica is wanted: it is asked for early, and drains. It
    is taken to drain as full as at the rate that it carries; the one that leaves is emptier, so it is rather too much.
    """

    pool: SimPool
    offered: Offered
    carried: Carried
    start_s: float

    @property
    def demand(self) -> Floats:
        """Return the replicas that each step asks for."""
        return self.offered.replicas(self.carried.seconds_per_s)

    @property
    def work(self) -> Work:
        """Return the demand, as far as the pool's maximum can serve it, with the price of a start."""
        return Work(
            replicas=np.minimum(self.demand, self.pool.max_replicas),
            step_s=STEP_S,
            start_s=self.start_s,
            least=self.pool.min_replicas,
        )


def measured(trial: Trial, share: float, memory: Memory | None = None) -> Mapping[str, Yardstick]:
    """Measure every pool that has arrivals; *share* of requests must be within every target.

    What a replica carries is not measured again where *memory* knows it.
    Raises ValueError for a pool that no number of replicas keeps within its targets.
    """
    kept = memory or Memory()
    return {
        pool.name: _measured(trial, pool, share, kept) for pool in trial.scenario.pools if pool.name in trial.arrivals
    }


def _measured(trial: Trial, pool: SimPool, share: float, memory: Memory) -> Yardstick:
    seconds_of, trace = engine_seconds(pool.profile.step), trial.arrivals[pool.name]
    drawn = lengths(trace)
    key = key_of("replay", trial.plain.foreseen({}), pool.name, share) if memory.path else ""
    found = Carried(**memory.recall(key, lambda: asdict(_carried(trial, pool, drawn, share))))
    sums = offered(trace, seconds_of, STEP_S, found.token_s)
    return Yardstick(pool=pool, offered=sums, carried=found, start_s=_start_s(trial.scenario, pool, drawn, found))


def _carried(trial: Trial, pool: SimPool, drawn: Lengths, share: float) -> Carried:
    seconds_of, trace = engine_seconds(pool.profile.step), trial.arrivals[pool.name]
    replicas, rate_rps = min(_FIRST, pool.max_replicas), 0.0
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
    return found


def _start_s(scenario: Scenario, pool: SimPool, drawn: Lengths, found: Carried) -> float:
    tokens = drawn.sample.output
    in_flight = found.rate_rps * found.token_s * float(np.maximum(tokens, 1).mean())
    most_s = scenario.drain_s if pool.drain_s is None else pool.drain_s
    return lead(scenario, pool) + drain_s(tokens, found.token_s, in_flight, most_s)
