"""The rows that know the future: the optimum, the mean-rate oracle and fixed sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autoscale.backtest.bounds import opt100
from autoscale.backtest.demand import smoothed
from autoscale.backtest.foresight import Foresight
from autoscale.backtest.memory import Memory
from autoscale.backtest.optimum import optimum, oracle
from autoscale.backtest.replay import Replay, Replayed, replayer
from autoscale.backtest.trial import Trial, alone
from autoscale.backtest.yardstick import STEP_S, Yardstick
from autoscale.sim.outcome import Outcome, PoolOutcome
from autoscale.sim.scenario import SimPool

Found = Callable[[Yardstick, Replay], Replayed | None]

_MINUTE_STEPS = round(60.0 / STEP_S)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """One row's outcome over all pools, and the parameters that were found for each."""

    outcome: Outcome
    told: str


def finders(share: float) -> Mapping[str, Found]:
    """Return what finds each row's schedule of one pool, by the row's name.

    The optimum and the oracle are the cheapest with *share* of requests within every target.
    """
    return {
        optimum_name(share): lambda stick, replay: optimum(stick.work, replay, share),
        "OPT100": lambda stick, replay: replay(opt100(stick.work), "every step covered"),
        "mean-rate oracle": lambda stick, replay: oracle(stick.work, replay, share),
        **{f"static p{at:g}": _static(at) for at in (50.0, 99.0, 99.9)},
    }


def optimum_name(share: float) -> str:
    """Return the name of the optimum that reaches *share*."""
    return f"OPT{100 * share:g}"


def known(trial: Trial, sticks: Mapping[str, Yardstick], find: Found, memory: Memory | None = None) -> Known | None:
    """Find each pool's schedule by itself and put the outcomes together; None where one pool has none.

    All pools are paid for as long as the longest trace lasts; one without arrivals keeps its minimum. Replays that
    *memory* knows are not made again.
    """
    whole = replace(trial, scenario=replace(trial.scenario, duration_s=horizon_s(trial, sticks)))
    found: list[Replayed] = []
    for stick in sticks.values():
        one = find(stick, replayer(alone(whole, stick.pool), stick.pool.name, STEP_S, memory))
        if one is None:
            return None
        found.append(one)
    idle = {pool.name: _idle(whole, pool) for pool in trial.scenario.pools if pool.name not in sticks}
    return Known(outcome=_together(found, idle), told="; ".join(f"{one.pool}: {one.told}" for one in found))


def horizon_s(trial: Trial, sticks: Mapping[str, Yardstick]) -> float:
    """Return how long replicas are paid for: up to the last arrival at any pool, where the scenario says nothing."""
    told_s = trial.scenario.duration_s
    return max((stick.offered.last_s for stick in sticks.values()), default=0.0) if told_s is None else told_s


def _idle(trial: Trial, pool: SimPool) -> PoolOutcome:
    least = alone(trial, pool).foreseen({pool.name: pool.min_replicas})
    return least.run(Foresight(plans={})).pools[pool.name]


def _together(found: Sequence[Replayed], idle: Mapping[str, PoolOutcome]) -> Outcome:
    outcomes = {one.pool: one.again() for one in found}
    return Outcome(
        simulated_s=outcomes[found[0].pool].simulated_s,
        pools={**{name: outcome.pools[name] for name, outcome in outcomes.items()}, **idle},
        decide_s=np.zeros(0),
        run_s=sum(outcome.run_s for outcome in outcomes.values()),
    )


def _static(percentile: float) -> Found:
    def fixed(stick: Yardstick, replay: Replay) -> Replayed:
        minutes = smoothed(stick.demand, _MINUTE_STEPS)
        replicas = max(1, int(np.ceil(np.percentile(minutes, percentile))))
        return replay(np.full(len(minutes), replicas), f"{replicas} replicas")

    return fixed
