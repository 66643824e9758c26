"""What an operator would judge a run by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from autoscale.backtest.recovery import recover_s
from autoscale.sim.outcome import ATTAINMENT_WINDOW_S, Outcome, PoolOutcome

_DAY_S = 86400.0
_HOUR_S = 3600.0
_WORST_OVER_S = 300.0

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run's figures, all pools together; shares are in [0, 1], nan where there is nothing to judge.

    ``slo`` is the share of requests within every target, ``worst_5min`` the lowest share of any five minutes.
    ``replica_hours`` are paid, starts and drains included, ``gpu_hours`` the same in GPUs. ``cost_per_million`` is for
    a million tokens of requests within every target, taking those to be as long as the others. ``recover_s`` is the
    longest time until 99 % are held again (``recovery.py``). ``decide_ms`` is the mean of a decision,
    ``decide_p99_ms`` its 99th percentile, both measured.
    """

    requests: float
    slo: float
    ttft: float
    tpot: float
    worst_5min: float
    ttft_p50_s: float
    ttft_p95_s: float
    ttft_p99_s: float
    tpot_p99_s: float
    replica_hours: float
    gpu_hours: float
    cost: float
    cost_per_million: float
    starts: float
    wasted: float
    reversals_per_day: float
    cut: float
    moved: float
    recover_s: float
    decide_ms: float
    decide_p99_ms: float

    @property
    def paid(self) -> float:
        """Return what runs are ranked by: GPU-hours, or the cost where there are no GPUs."""
        return self.gpu_hours or self.cost


def figures(outcome: Outcome, gpus: Mapping[str, float]) -> Figures:
    """Sum up *outcome*; latency quantiles are those of the pool with the most requests, *gpus* a replica's by pool."""
    pools = list(outcome.pools.values())
    requests, tokens = _total(pools, "requests"), _total(pools, "tokens")
    largest = max(pools, key=lambda pool: pool.requests)
    slo = _share(_total(pools, "within_slo"), requests)
    cost = _total(pools, "cost")
    decided_ms = 1000 * outcome.decide_s if len(outcome.decide_s) else np.zeros(1)
    return Figures(
        requests=requests,
        slo=slo,
        ttft=_share(_total(pools, "within_ttft"), requests),
        tpot=_share(_total(pools, "within_tpot"), requests),
        worst_5min=_least(worst(pool.window_requests, pool.window_within) for pool in pools),
        ttft_p50_s=largest.ttft.quantile(0.5),
        ttft_p95_s=largest.ttft.quantile(0.95),
        ttft_p99_s=largest.ttft.quantile(0.99),
        tpot_p99_s=largest.tpot.quantile(0.99),
        replica_hours=_total(pools, "replica_seconds") / _HOUR_S,
        gpu_hours=sum(gpus[name] * pool.replica_seconds for name, pool in outcome.pools.items()) / _HOUR_S,
        cost=cost,
        cost_per_million=_ratio(cost * 1e6, tokens * slo),
        starts=_total(pools, "starts"),
        wasted=_total(pools, "wasted_starts"),
        reversals_per_day=_ratio(_total(pools, "reversals") * _DAY_S, outcome.simulated_s),
        cut=_total(pools, "cut"),
        moved=_share(_total(pools, "moved_tokens"), tokens),
        recover_s=max(recover_s(pool.window_requests, pool.window_within) for pool in pools),
        decide_ms=float(decided_ms.mean()),
        decide_p99_ms=float(np.quantile(decided_ms, 0.99)),
    )


def worst(requests: Counts, within: Counts) -> float:
    """Return the lowest share within every target over any five minutes with requests; nan without any."""
    over = min(len(requests), round(_WORST_OVER_S / ATTAINMENT_WINDOW_S))
    if not over:
        return float("nan")
    ones = np.ones(over, dtype=np.int64)
    asked, met = np.convolve(requests, ones, "valid"), np.convolve(within, ones, "valid")
    some = asked > 0
    return float((met[some] / asked[some]).min()) if some.any() else float("nan")


def mean(several: Sequence[Figures]) -> Figures:
    """Return the mean of each figure over several seeds."""
    return Figures(**{one.name: float(np.mean([getattr(run, one.name) for run in several])) for one in fields(Figures)})


def _total(pools: Iterable[PoolOutcome], name: str) -> float:
    return float(sum(getattr(pool, name) for pool in pools))


def _least(values: Iterable[float]) -> float:
    """Return the least of what there is to judge; an idle pool has nothing."""
    return min((value for value in values if not math.isnan(value)), default=math.nan)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
