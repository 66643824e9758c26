"""What a policy is shown of one pool: replicas and target as they are, everything measured as it was a while ago."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from autoscale.capacity.profile import EngineProfile
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Demand, Load, PoolFleet, ReplicaFleet
from autoscale.sim.kernel import reading
from autoscale.sim.kernel.records import LATENCIES, LENGTH_SUMS
from autoscale.sim.quick import quick
from autoscale.sim.replica import Replica
from autoscale.sim.scenario import SimPool
from deployments.signals import Histogram
from deployments.totals import LENGTH_BINS, LengthTotals, StepTotals

_LOAD = slice(reading.RUNNING, reading.PROMISED + 1)
_GRAM = slice(reading.GRAM_FROM, reading.SECONDS_FROM)
_SECONDS = slice(reading.SECONDS_FROM, reading.COLUMNS)
_replica_fleet, _new_load, _step_totals = quick(ReplicaFleet), quick(Load), quick(StepTotals)
_length_totals = quick(LengthTotals)
_IDLE = Load(running=0, waiting=0, kv_used=0.0)
_NO_STEPS = StepTotals()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The rows of a pool and, by name, of its replicas (``kernel/reading.py``) at one instant.

    ``moved`` requests have gone to a stand-in by then, and ``stood_in`` ones came from other pools.
    """

    at_s: float
    pool: Sequence[float]
    replicas: Mapping[str, Sequence[float]]
    moved: int
    stood_in: int


class Sight:
    """Turns readings into a ``PoolFleet``; rates and histograms compare a reading with one *window_s* before it."""

    def __init__(self, pool: SimPool, window_s: float, capacity_error: float, began_s: float) -> None:
        self._pool, self._window_s, self._began_s = pool, window_s, began_s
        self._factor = 1.0 / (1.0 + capacity_error)
        self._profile = misstated(pool.profile, self._factor)
        self._readings: deque[Reading] = deque()

    def look(self, reading: Reading) -> None:
        """Keep *reading* as the newest one."""
        self._readings.append(reading)
        while len(self._readings) > 1 and self._readings[1].at_s <= reading.at_s - self._window_s:
            self._readings.popleft()

    def fleet(self, replicas: Sequence[Replica], target: int, brown_out: float, now_s: float) -> PoolFleet:
        """Return what a policy sees at *now_s*."""
        began, newest = self._readings[0], self._readings[-1]
        age_s = now_s - newest.at_s
        pool = self._pool
        return PoolFleet(
            min_replicas=pool.min_replicas,
            max_replicas=pool.max_replicas,
            target=target,
            slots=pool.profile.limits.slots,
            slo=pool.slo,
            replicas=tuple([self._replica(one, newest.replicas.get(one.name), age_s) for one in replicas]),
            demand=_demand(newest, began),
            ttft=_histogram(newest.pool, began.pool, reading.TTFT_FROM),
            ttft_window_s=self._window_s,
            inter_token=_histogram(newest.pool, began.pool, reading.INTER_TOKEN_FROM),
            hardware=pool.hardware,
            limits=pool.profile.limits,
            profile=self._profile,
            priority=pool.priority,
            stand_ins=pool.stand_ins,
            brown_out=brown_out,
        )

    def _replica(self, one: Replica, row: Sequence[float] | None, age_s: float) -> ReplicaFleet:
        if row is None:
            load, steps = _IDLE, _NO_STEPS
        else:
            load, steps = _load(row), self._steps(row)
        since_s, requested_s = self._began_s + one.since_s, self._began_s + one.requested_s
        return _replica_fleet(one.name, one.stage, since_s, load, age_s, requested_s, one.startup_s, steps)

    def _steps(self, row: Sequence[float]) -> StepTotals:
        factor, gram, seconds = self._factor, row[_GRAM], row[_SECONDS]
        if factor != 1.0:
            seconds = [factor * value for value in seconds]
        return _step_totals(tuple(gram), tuple(seconds), factor * factor * row[reading.SQUARED])


def misstated(profile: EngineProfile, factor: float) -> EngineProfile:
    """Return *profile* as if every step took *factor* times as long."""
    step = profile.step
    scaled = {name: factor * getattr(step, name) for name in StepModel.__slots__}
    return profile if factor == 1.0 else replace(profile, step=StepModel(**scaled))


def _load(row: Sequence[float]) -> Load:
    running, waiting, kv_used, queued_prompt, promised = row[_LOAD]
    return _new_load(int(running), int(waiting), kv_used, int(queued_prompt), int(promised))


def _demand(newest: Reading, began: Reading) -> Demand:
    new, old, span_s = newest.pool, began.pool, newest.at_s - began.at_s
    per_s = 1.0 / span_s if span_s > 0 else 0.0
    firsts = sum(new[reading.TTFT_FROM : reading.TTFT_FROM + LATENCIES])
    before = sum(old[reading.TTFT_FROM : reading.TTFT_FROM + LATENCIES])
    return Demand(
        in_flight=int(new[reading.POOL_IN_FLIGHT]),
        held=int(new[reading.UNANSWERED]),
        held_prompt_tokens=int(new[reading.UNANSWERED_PROMPT]),
        arrival_rate=(new[reading.ARRIVALS] - old[reading.ARRIVALS]) * per_s,
        refused_rate=(new[reading.REFUSED] - old[reading.REFUSED]) * per_s,
        first_token_rate=(firsts - before) * per_s,
        arrivals_total=int(new[reading.ARRIVALS]),
        lengths=_lengths(new),
        judged_total=int(new[reading.JUDGED]),
        within_total=int(new[reading.WITHIN]),
        moved_total=newest.moved,
        stood_in_total=newest.stood_in,
    )


def _histogram(new: Sequence[float], old: Sequence[float], begin: int) -> Histogram:
    end = begin + LATENCIES
    counts = list(accumulate([int(one - other) for one, other in zip(new[begin:end], old[begin:end], strict=True)]))
    return Histogram(counts=tuple(counts[:-1]), total=counts[-1], sum_s=new[end] - old[end])


def _lengths(row: Sequence[float]) -> LengthTotals:
    counts = reading.LENGTHS_FROM + LENGTH_SUMS
    return _length_totals(
        *row[reading.LENGTHS_FROM : counts],
        tuple(row[counts : counts + LENGTH_BINS]),
        tuple(row[counts + LENGTH_BINS : reading.TTFT_FROM]),
    )
