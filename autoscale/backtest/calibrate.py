"""The largest rate that a pool of fixed size carries at its targets, measured by the simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from autoscale.backtest.demand import SecondsOf
from autoscale.backtest.foresight import Foresight
from autoscale.capacity.profile_file import ProfileError
from autoscale.sim.arrivals import Arrivals, Trace
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.sim.world import simulate

_KEPT = 20_000
_CLOSE = 0.01
_FEWEST = 20_000  # enough to tell one miss in a thousand from two
_LEAST_S = 900.0
_GROWTH = 1.25
_MOST_STEPS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lengths:
    """Requests of one trace, chosen evenly, to draw lengths from."""

    sample: Arrivals

    def poisson(self, rate_rps: float, requests: int, seed: int = 0) -> Arrivals:
        """Return *requests* arrivals of a Poisson process, each with the lengths of one of the sample."""
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, len(self.sample), requests)
        return replace(_taken(self.sample, drawn), t_s=np.cumsum(rng.exponential(1 / rate_rps, requests)))


def lengths(trace: Trace) -> Lengths:
    """Keep up to 40,000 requests of *trace*, evenly spaced. Raises ValueError for a trace without requests."""
    kept: list[Arrivals] = []
    every, seen, held = 1, 0, 0
    for chunk in trace:
        kept.append(_taken(chunk, np.arange(-seen % every, len(chunk), every)))
        seen, held = seen + len(chunk), held + len(kept[-1])
        while held > 2 * _KEPT:
            whole = _joined(kept)
            kept, every = [_taken(whole, np.arange(0, held, 2))], 2 * every
            held = len(kept[0])
    if not held:
        raise ValueError("the trace has no requests")
    return Lengths(sample=_joined(kept))


def _taken(arrivals: Arrivals, which: npt.NDArray[np.int64]) -> Arrivals:
    return Arrivals(
        t_s=arrivals.t_s[which],
        prompt=arrivals.prompt[which],
        output=arrivals.output[which],
        cached=arrivals.cached[which],
    )


def _joined(parts: list[Arrivals]) -> Arrivals:
    return Arrivals(
        t_s=np.concatenate([part.t_s for part in parts]),
        prompt=np.concatenate([part.prompt for part in parts]),
        output=np.concatenate([part.output for part in parts]),
        cached=np.concatenate([part.cached for part in parts]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What one of ``replicas`` carries with ``share`` of requests within every target.

    ``seconds_per_s`` are the engine seconds of work that arrive each second at ``rate_rps`` requests per second;
    ``token_s`` is the mean time per output token then.
    """

    replicas: int
    share: float
    rate_rps: float
    seconds_per_s: float
    token_s: float


def carried(
    scenario: Scenario,
    pool: SimPool,
    drawn: Lengths,
    seconds_of: SecondsOf,
    *,
    replicas: int,
    share: float = 0.999,
    guess_rps: float = 0.0,
) -> Carried:
    """Find by simulation the largest Poisson rate that *replicas* of *pool* carry, to 1 %; a good guess saves time.

    Raises ValueError where not even a nearly idle pool holds the targets.
    """
    fixed = replace(pool, min_replicas=replicas, max_replicas=replicas, initial_replicas=replicas, stand_ins=())
    alone = replace(scenario, pools=(fixed,), inventory=None, replica_failures_per_day=0.0, duration_s=None)
    mean_s = float(seconds_of(drawn.sample).total.mean())
    if mean_s <= 0:
        raise ProfileError(
            f"pool {pool.name}: no request takes its engine any time; its profile's step needs prefill_token_s and "
            "sequence_s above 0, as `tercet profile` measures them"
        )
    token_s = 0.0

    def holds(rate_rps: float) -> bool:
        requests = int(max(_FEWEST, rate_rps * replicas * _LEAST_S))
        arrivals = drawn.poisson(rate_rps * replicas, requests)
        found = simulate(alone, {pool.name: [arrivals]}, Foresight(plans={})).pools[pool.name]
        if found.attainment < share:
            return False
        nonlocal token_s
        token_s = found.tpot.mean
        return True

    low, high = _bracket(holds, guess_rps or 0.5 / mean_s, pool.name)
    while high > (1 + _CLOSE) * low:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return Carried(replicas=replicas, share=share, rate_rps=low, seconds_per_s=low * mean_s, token_s=token_s)


def _bracket(holds: Callable[[float], bool], guess: float, name: str) -> tuple[float, float]:
    """Return a rate that holds and one at most a quarter larger that does not."""
    rate = guess
    if holds(rate):
        for _ in range(_MOST_STEPS):
            if not holds(rate * _GROWTH):
                return rate, rate * _GROWTH
            rate *= _GROWTH
        raise ValueError(f"pool {name!r} carries any rate; its step times are 0")
    for _ in range(_MOST_STEPS):
        rate /= _GROWTH
        if holds(rate):
            return rate, rate * _GROWTH
    raise ValueError(f"pool {name!r} misses its latency targets even when idle; loosen its slo or check its profile")
