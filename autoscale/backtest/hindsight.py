"""The rows that know the future: the optimum, the mean-rate oracle and fixed sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoscale.backtest.bounds import opt100
from autoscale.backtest.demand import smoothed
from autoscale.backtest.optimum import optimum, oracle
from autoscale.backtest.replay import Replay, Replayed, replayer
from autoscale.backtest.trial import Trial, alone
from autoscale.backtest.yardstick import STEP_S, Yardstick
from autoscale.sim.outcome import Outcome

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


def known(trial: Trial, sticks: Mapping[str, Yardstick], find: Found) -> Known | None:
    """Find each pool's schedule by itself and put the outcomes together; None where one pool has none."""
    found: list[Replayed] = []
    for stick in sticks.values():
        one = find(stick, replayer(alone(trial, stick.pool), stick.pool.name, STEP_S))
        if one is None:
            return None
        found.append(one)
    return Known(outcome=_together(found), told="; ".join(f"{one.pool}: {one.told}" for one in found))


def _together(found: Sequence[Replayed]) -> Outcome:
    first = found[0].outcome
    return Outcome(
        simulated_s=first.simulated_s,
        pools={one.pool: one.outcome.pools[one.pool] for one in found},
        decide_s=np.zeros(0),
        run_s=sum(one.outcome.run_s for one in found),
    )


def _static(percentile: float) -> Found:
    def fixed(stick: Yardstick, replay: Replay) -> Replayed:
        minutes = smoothed(stick.demand, _MINUTE_STEPS)
        replicas = max(1, int(np.ceil(np.percentile(minutes, percentile))))
        return replay(np.full(len(minutes), replicas), f"{replicas} replicas")

    return fixed
