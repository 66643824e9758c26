"""How long one decision takes for a large fleet: ``python -m benchmarks.decision_time [REPLICAS] [POOLS]``.

By default 1,000 replicas in 50 pools. Every pool has its own noisy demand and steps that its capacity is fitted to; the
policy is the default one with everything around it. Then the same while requests grow longer, one pool after the other,
so that knees have to be worked out anew, by formulas as in a controller that waits for no simulation; and while demand
outgrows the machines that there are, so that they have to be dealt. Times are of single decisions, measured after
warm-up, with the process's CPU time beside them, which other processes on the machine change little.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Demand, Fleet, Load, PoolFleet, ReplicaFleet, Slo
from autoscale.hardware import Hardware, Inventory, Node
from autoscale.policies.compose import compose
from autoscale.spec import AutoscaleSpec
from deployments.totals import LengthTotals, StepTotals

_WARM_UP, _MEASURED, _INTERVAL_S = 30, 100, 5.0
_STEP = StepModel(base_s=0.01, prefill_token_s=4e-5, prefill_context_s=9e-9, sequence_s=2e-4, kv_token_s=1e-7)
_LIMITS = EngineLimits(slots=256, batched_tokens=2048, kv_tokens=400_000)
_PROFILE = EngineProfile(model="m", hardware="h", step=_STEP, limits=_LIMITS, starts=StartTimes(median_s=180.0))
_RPS = 3.0
_HARDWARE, _ON_ONE = Hardware(kind="H100", gpus=1.0), 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the pools go through after the warm-up; ``longer`` and ``more`` are factors on lengths and demand."""

    name: str
    longer: float = 1.0
    more: float = 1.0
    spec: AutoscaleSpec = field(default_factory=AutoscaleSpec)


CASES = (
    Case(name="as it was"),
    Case(name="requests grow longer", longer=1.6),
    Case(name="too few machines", more=1.5, spec=AutoscaleSpec(inventory="observed")),
)


def fleet_at(case: Case, tick: int, replicas: int, pools: int, chance: random.Random) -> Fleet:
    """Return the fleet after *tick* intervals, each pool with its share of the replicas."""
    each = max(1, replicas // pools)
    return Fleet(
        at_s=1.8e9 + tick * _INTERVAL_S,
        pools={f"pool-{at}": _pool(case, at, tick, each, chance) for at in range(pools)},
        inventory=_inventory(each, pools) if case.spec.inventory == "observed" else None,
    )


def _inventory(each: int, pools: int) -> Inventory:
    """Return machines that the replicas fill, eight on each."""
    names = [f"pool-{one // each}" for one in range(each * pools)]
    placed = {f"node-{at}": dict(Counter(names[at : at + _ON_ONE])) for at in range(0, len(names), _ON_ONE)}
    nodes = tuple(Node(node=name, kind=_HARDWARE.kind, gpus=_ON_ONE, cpus=_ON_ONE) for name in placed)
    return Inventory(nodes=nodes, placed=placed)


def _pool(case: Case, at: int, tick: int, replicas: int, chance: random.Random) -> PoolFleet:
    before, after = min(tick, _WARM_UP + at), max(0, tick - _WARM_UP - at)
    ticks = before + case.more * after
    arrived = 1000 + int(ticks * _INTERVAL_S * _RPS * replicas + chance.uniform(0, _RPS * replicas))
    done = max(1, arrived - 20)
    prompt = 900.0 * done * (before + case.longer * (ticks - before)) / max(1.0, ticks)
    lengths = LengthTotals(
        requests=done,
        prompt_tokens=prompt,
        output_tokens=200.0 * done,
        prompt_squared=2.0 * prompt * prompt / done,
        output_squared=8e4 * done,
        prompt_output=200.0 * prompt,
    )
    demand = Demand(
        in_flight=20,
        held=2,
        arrivals_total=arrived,
        judged_total=done,
        within_total=done,
        lengths=lengths,
        arrival_rate=_RPS,
    )
    ready = tuple(_replica(f"{at}-{one}", tick) for one in range(replicas))
    return PoolFleet(
        min_replicas=1,
        max_replicas=10 * replicas,
        target=replicas,
        slots=256,
        slo=Slo(ttft_p95_s=2.0, tpot_p95_s=0.08),
        replicas=ready,
        demand=demand,
        hardware=_HARDWARE,
        limits=_LIMITS,
        profile=_PROFILE,
    )


def _replica(name: str, tick: int) -> ReplicaFleet:
    """Return a replica whose steps were of two kinds, so that sums over them are ones that an engine can have."""
    kinds = (
        (1.0, 0.0, 0.0, 30.0, 3e4),
        (1.0, 512.0, 3e5, 28.0, 2.8e4),
        (1.0, 64.0, 4e3, 10.0, 8e3),
        (1.0, 0.0, 0.0, 5.0, 9e3),
    )
    gram, seconds, squared = [0.0] * 15, [0.0] * 5, 0.0
    for kind, x in enumerate(kinds):
        steps = (40.0 + 10.0 * kind) * tick
        took = _STEP.seconds(prefill=x[1], prefill_context=x[2], sequences=x[3], kv=x[4])
        products = [x[row] * x[column] for row in range(5) for column in range(row, 5)]
        gram = [old + steps * new for old, new in zip(gram, products, strict=True)]
        seconds = [old + steps * one * took for old, one in zip(seconds, x, strict=True)]
        squared += steps * took * took * 1.001
    return ReplicaFleet(
        replica=name,
        stage="ready",
        since_s=1.8e9 - 3600,
        load=Load(running=20, waiting=0, kv_used=0.3),
        age_s=0.5,
        steps=StepTotals(gram=tuple(gram), seconds=tuple(seconds), seconds_squared=squared),
        startup_s=170.0,
    )


def measure(case: Case, replicas: int, pools: int) -> tuple[list[float], float]:
    """Return the seconds of each decision, and the mean CPU seconds of one."""
    policy, chance = compose(case.spec), random.Random(0)  # noqa: S311
    took, used_s = [], 0.0
    for tick in range(_WARM_UP + _MEASURED):
        shown = fleet_at(case, tick, replicas, pools, chance)
        began_s, cpu_s = time.perf_counter(), time.process_time()
        policy.decide(shown)
        if tick >= _WARM_UP:
            took.append(time.perf_counter() - began_s)
            used_s += time.process_time() - cpu_s
    if policy.errors:
        raise SystemExit(f"the policy failed {policy.errors} times; what it took says nothing")
    return sorted(took), used_s / _MEASURED


def main() -> None:
    """Print the middle, the 99th percentile and the worst."""
    replicas, pools = (int(one) for one in (sys.argv[1:] + ["1000", "50"][len(sys.argv) - 1 :])[:2])
    for case in CASES:
        took, cpu_s = measure(case, replicas, pools)
        middle, tail, worst, used = (
            f"{1000 * one:.1f} ms" for one in (took[len(took) // 2], took[int(0.99 * len(took))], took[-1], cpu_s)
        )
        told = f"median {middle}, p99 {tail}, worst {worst}, CPU {used}"
        print(f"{replicas} replicas, {pools} pools, {case.name}: {told}", flush=True)


if __name__ == "__main__":
    main()
