"""One workload of the evaluation as a trial: the fleet, the weather and the requests."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from autoscale.arbiter.spec import BrownOutSpec
from autoscale.backtest import calibrate
from autoscale.backtest.demand import engine_seconds
from autoscale.backtest.memory import Memory, key_of
from autoscale.backtest.trial import Trial
from autoscale.capacity.profile import StartTimes
from autoscale.fleet import Slo
from autoscale.hardware import Hardware
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.profiles import shipped
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.sim.traces.generated import Generated
from autoscale.sim.traces.lengths import Lengths
from benchmarks.autoscale_sets import Setting, Workload
from cluster.backtesting.scenario import shipped_path, source_of

PROFILE = "llama2-70b-h100-tp8"
STAND_IN = "llama3-8b-a100-tp2"
# A step with a full chunk of prompts takes 0.12 s on this engine: a tighter TPOT would leave it nearly idle.
SLO = Slo(ttft_p95_s=2.0, tpot_p95_s=0.2)
SHARE = 0.999
MEAN_REPLICAS = 12
MOST_REPLICAS = 60
# A fleet begins with so many times what its first rate needs, or it would be judged by how it was begun.
BEGINS_WITH = 1.25
DAY_S = 86_400.0


def trial_of(
    setting: Setting,
    workload: Workload,
    folder: Path,
    *,
    from_s: float,
    until_s: float,
    seed: int,
    memory: Memory | None = None,
) -> Trial:
    """Return one workload scaled to a mean of twelve replicas, from and up to a time of it."""
    memory = memory or Memory()
    profile = shipped(PROFILE)
    profile = replace(profile, starts=StartTimes(median_s=setting.cold_start_s, sigma=0.2, failure_share=0.01))
    pool = SimPool(
        name="pool",
        min_replicas=1,
        max_replicas=MOST_REPLICAS,
        initial_replicas=MEAN_REPLICAS,
        profile=profile,
        slo=SLO,
        hardware=Hardware(kind=profile.hardware, gpus=8.0, cost_per_hour=8.0),
    )
    lengths, whole = workload.lengths(folder), workload.rates(folder)
    each_rps = _carried_rps(pool, lengths, memory)
    rates = whole.scaled(MEAN_REPLICAS * each_rps)
    part = rates.between(from_s, until_s)
    first = math.ceil(BEGINS_WITH * float(part.rate_rps[0]) / each_rps)
    pool = replace(pool, initial_replicas=max(1, min(MOST_REPLICAS, first)))
    spare_rps = setting.stand_in * float(rates.rate_rps.max() - rates.rate_rps.min())
    pools = _pools(pool, lengths, spare_rps, memory)
    scenario = Scenario(pools=pools, capacity_error=setting.capacity_error, seed=seed)
    trace = Generated(rates=part, lengths=lengths, seed=seed, noise=workload.noise)
    sources = {pool.name: source_of(shipped_path(PROFILE))}
    return Trial(
        name=f"{workload.name} ({setting.name})", scenario=scenario, arrivals={pool.name: trace}, sources=sources
    )


def _pools(pool: SimPool, lengths: Lengths, spare_rps: float, memory: Memory) -> tuple[SimPool, ...]:
    """Return the pool, and beside it an idle one of a smaller model that carries *spare_rps* of its requests."""
    if spare_rps <= 0:
        return (pool,)
    profile = shipped(STAND_IN)
    spare = replace(
        pool,
        name="stand-in",
        profile=replace(profile, starts=pool.profile.starts),
        hardware=Hardware(kind=profile.hardware, gpus=2.0, cost_per_hour=2.0),
    )
    count = math.ceil(spare_rps / (BrownOutSpec().spare * _carried_rps(spare, lengths, memory)))
    spare = replace(spare, min_replicas=count, initial_replicas=count, max_replicas=max(count, MOST_REPLICAS))
    return replace(pool, stand_ins=("stand-in",)), spare


def _carried_rps(pool: SimPool, lengths: Lengths, memory: Memory) -> float:
    prompt, output = lengths.draw(np.random.default_rng(0), 20_000)
    drawn = Arrivals(t_s=np.zeros(len(prompt)), prompt=prompt, output=output, cached=np.zeros(len(prompt), np.int32))

    def found() -> float:
        return calibrate.carried(
            Scenario(pools=(pool,)),
            pool,
            calibrate.Lengths(sample=drawn),
            engine_seconds(pool.profile.step),
            replicas=MEAN_REPLICAS,
            share=SHARE,
        ).rate_rps

    profile = replace(pool.profile, starts=StartTimes())
    key = key_of("replay", "carried", profile, pool.slo, prompt, output) if memory.path else ""
    return float(memory.recall(key, found))
