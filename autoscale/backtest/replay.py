"""A schedule played through the simulator that judges the policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from autoscale.backtest.foresight import Foresight, Plan
from autoscale.backtest.levels import Counts
from autoscale.backtest.memory import Memory, key_of
from autoscale.backtest.trial import Trial
from autoscale.sim.outcome import Outcome
from autoscale.sim.scenario import Scenario, SimPool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """One pool's schedule and what came of it; ``told`` names its parameters.

    ``attainment`` is the share of the pool's requests within every target, ``paid_s`` are replica-seconds.
    ``again`` gives the whole outcome, of which a replay that is only remembered knows no more than these two.
    ``shape`` is over how long demand was evened out for it, seconds, and how many times the measured each replica was
    taken to carry; None for any other schedule.
    """

    pool: str
    counts: Counts
    told: str
    attainment: float
    paid_s: float
    again: Callable[[], Outcome]
    shape: tuple[float, float] | None = None


Replay = Callable[[Counts, str], Replayed]


def lead(scenario: Scenario, pool: SimPool) -> float:
    """Return how many seconds before a replica is to be ready its plan asks for it."""
    return pool.profile.starts.median_s + scenario.serve_lag_s + scenario.interval_s


def replayer(trial: Trial, pool: str, step_s: float, memory: Memory | None = None) -> Replay:
    """Return what replays the counts of one pool, with replicas asked for early enough to be ready.

    What *memory* knows is not replayed again.
    """
    chosen = next(one for one in trial.scenario.pools if one.name == pool)
    lead_s, memory = lead(trial.scenario, chosen), memory or Memory()
    of_trial = key_of("replay", trial.plain.foreseen({}), pool, step_s) if memory.path else ""

    def run(counts: Counts) -> Outcome:
        began_s = trial.scenario.began_s
        planned = np.clip(counts, chosen.min_replicas, chosen.max_replicas)
        plan = Plan(counts=planned, step_s=step_s, start_s=began_s)
        foreseen = trial.foreseen({pool: plan.most(began_s, began_s + lead_s)})
        return foreseen.run(Foresight(plans={pool: plan}, lead_s=lead_s))

    def replay(counts: Counts, told: str) -> Replayed:
        ran: list[Outcome] = []

        def summed() -> list[float]:
            ran.append(run(counts))
            return [ran[0].pools[pool].attainment, ran[0].pools[pool].replica_seconds]

        attainment, paid_s = memory.recall(key_of("replay", of_trial, counts), summed)
        again = partial(ran.__getitem__, 0) if ran else partial(run, counts)
        return Replayed(pool=pool, counts=counts, told=told, attainment=attainment, paid_s=paid_s, again=again)

    return replay
