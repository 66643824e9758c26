"""The knee of a pool of fixed size, by simulation of random requests at steady rates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from autoscale.capacity.knee import Binds, Knee
from autoscale.capacity.knee_source import KneeQuestion
from autoscale.capacity.miss_curve import LEVELS, MissCurve
from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.capacity.work import work_of
from autoscale.fleet import Slo
from autoscale.sim.drawn import Drawn, draw
from autoscale.sim.engine_record import engine_record
from autoscale.sim.engines import Engines, Feed
from autoscale.sim.kernel.records import RESULT

# Enough to tell one miss in a thousand from two; an empty pool needs some to fill up.
_REQUESTS, _TO_FILL_ONE = 20_000, 1_000
_NOISE, _ROUTING_S, _MOST_OUTPUT = 0.02, 0.005, 2**20
_LONG_S = 1e7
# Where no target says how long a first token may take, a queue is too long at last when it takes this long.
_PATIENCE_S = 10.0
# Sizes that nobody knows bind nothing.
_SLOTS, _BATCHED_TOKENS, _KV_TOKENS = 1024, 2**20, 2**30
# Rates are tried from one that no engine holds downwards in these steps, and closer where misses jump.
_DOWN, _MOST_TRIED, _JUMP, _CLOSE = 0.75, 32, 6.0, 1.1
_FULL, _HOPELESS = 0.95, 0.5
_KEPT = 2_000

Found = tuple[MissCurve | None, float, Binds]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one rate: shares of requests that missed either target, and each of them."""

    missed: float
    ttft: float
    tpot: float


@dataclass(slots=True)
class SimulatedKnees:
    """Knees by simulation, each worked out once; the same question has the same answer in every process."""

    _curves: dict[KneeQuestion, Found] = field(default_factory=dict)

    def __call__(self, asked: KneeQuestion) -> Knee:
        """Return the knee of the question."""
        key = replace(asked, quantile=0.0)
        if key not in self._curves:
            if len(self._curves) >= _KEPT:
                self._curves.pop(next(iter(self._curves)))
            self._curves[key] = miss_curve(key)
        curve, hopeless, binds = self._curves[key]
        rate_rps, work_s = curve.rate(1 - asked.quantile) if curve else 0.0, work_of(asked.step, asked.mix).total_s
        return Knee(
            rate_rps=rate_rps,
            work_s=work_s,
            utilization=rate_rps * work_s,
            binds=binds,
            curve=curve,
            hopeless=hopeless,
        )

    @property
    def worked_out(self) -> int:
        """Count the questions whose answers are kept."""
        return len(self._curves)


SIMULATED = SimulatedKnees()


def miss_curve(asked: KneeQuestion) -> Found:
    """Return what misses at which rate and on an idle engine, and which target is missed first.

    Requests that miss on an idle engine as well do not count. None where hardly any rate holds the targets.
    """
    asked = replace(asked, limits=_sizes(asked.limits))
    count, half = _REQUESTS + _TO_FILL_ONE * asked.replicas, asked.limits.kv_tokens // 2
    longest, most_output = max(1, half), max(1, min(_MOST_OUTPUT, half - asked.limits.block_tokens))
    requests = draw(asked.mix, count, longest=longest, most_output=most_output)
    work_s = work_of(asked.step, asked.mix).total_s
    if work_s <= 0:
        return None, 1.0, "work"
    idle = tried(asked, requests, 1e-4 / work_s)
    if idle.missed > _HOPELESS:
        return None, idle.missed, _binds(asked.slo, idle.ttft > idle.tpot)
    points = _points(asked, requests, _FULL / work_s, idle)
    near = min(points, key=lambda point: abs(math.log(max(1e-9, point[1].missed - idle.missed) / LEVELS[1])))[1]
    shares = [(rate, max(one.missed - idle.missed, 0.25 / count)) for rate, one in points]
    binds = _binds(asked.slo, near.ttft - idle.ttft > near.tpot - idle.tpot)
    return MissCurve.through(shares), idle.missed, binds


def _sizes(told: EngineLimits) -> EngineLimits:
    return replace(
        told,
        slots=told.slots or _SLOTS,
        batched_tokens=told.batched_tokens or _BATCHED_TOKENS,
        kv_tokens=told.kv_tokens or _KV_TOKENS,
    )


def _binds(slo: Slo, late_first: bool) -> Binds:
    if not late_first:
        return "tpot"
    return "work" if slo.ttft_p95_s is None else "ttft"


def _points(asked: KneeQuestion, requests: Drawn, most_rps: float, idle: Tried) -> list[tuple[float, Tried]]:
    """Return rates and what came of them, from where hardly any miss to where most do, by rate."""
    found, rate = [], most_rps
    for _ in range(_MOST_TRIED):
        found.append((rate, tried(asked, requests, rate)))
        if found[-1][1].missed - idle.missed < LEVELS[0]:
            break
        rate *= _DOWN
    found.reverse()
    at = 0
    while at < len(found) - 1:
        (low, few), (high, many) = found[at], found[at + 1]
        less, more = few.missed - idle.missed, many.missed - idle.missed
        if high > _CLOSE * low and more > LEVELS[0] and less < LEVELS[-1] and more > _JUMP * max(less, LEVELS[0] / 2):
            middle = math.sqrt(low * high)
            found.insert(at + 1, (middle, tried(asked, requests, middle)))
        else:
            at += 1
    return found


def tried(asked: KneeQuestion, requests: Drawn, rate_rps: float) -> Tried:
    """Simulate the same *requests* at *rate_rps* per replica."""
    profile = EngineProfile(model="", hardware="", step=asked.step, limits=asked.limits, noise=_NOISE)
    record = engine_record(
        profile,
        ttft_s=asked.slo.ttft_p95_s or _PATIENCE_S,
        tpot_s=asked.slo.tpot_p95_s,
        targets=asked.slo.targets,
        routing_s=_ROUTING_S,
        most_output=_MOST_OUTPUT,
        max_waiting=None,
    )
    results = np.zeros(1, RESULT)
    results["ttft_s"], results["tpot_s"] = record["ttft_s"], record["tpot_s"]
    count, t_s = len(requests.prompt), np.cumsum(requests.gaps) / (rate_rps * asked.replicas)
    engines = Engines(record, results, 2 * _LONG_S + float(t_s[-1]), 0)
    engines.route_to([engines.add(0.0) for _ in range(asked.replicas)], 0.0)
    feed = Feed(
        t_s=t_s,
        prompt=requests.prompt,
        output=requests.output,
        cached=requests.cached,
        origin=np.zeros(count, np.int32),
    )
    engines.run(feed, np.zeros((1, 2, 2), np.int64), float(t_s[-1]) + _LONG_S)
    result = results[0]
    return Tried(
        missed=1 - int(result["within"]) / count,
        ttft=1 - int(result["within_ttft"]) / count,
        tpot=1 - int(result["within_tpot"]) / count,
    )
