"""How fast the simulator is, on one core: ``python -m benchmarks.simulator_speed [DAYS]``.

Requests are counted per second of the process's CPU time, which other processes on the machine change little. The first
line is a single busy replica that nobody looks at; the second one is DAYS (default 7) of a daily course on a pool of
about 12 replicas, looked at and sized every 5 s by a rule that costs nothing.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np

from autoscale.fleet import Fleet, PoolFleet, Slo
from autoscale.policy import Decision, PoolDecision
from autoscale.sim.profiles import shipped
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.sim.traces.generated import Generated
from autoscale.sim.traces.lengths import Pairs
from autoscale.sim.traces.rates import Rates
from autoscale.sim.traces.shapes import level
from autoscale.sim.world import simulate

_DAY_S, _HOUR_S = 86_400.0, 3600.0
_CARRIED_RPS = 2.5
REPLICAS, _USED = 12, 0.75
_LENGTHS = 100_000
_ALONE_S = 3 * _DAY_S


class ByRate:
    """As many replicas as the rate of the last window needs, and one to spare."""

    def decide(self, fleet: Fleet) -> Decision:
        """Divide the rate by what one replica carries."""
        return Decision(pools={name: _sized(pool) for name, pool in fleet.pools.items()})


def _sized(pool: PoolFleet) -> PoolDecision:
    rate_rps = pool.demand.arrival_rate if pool.demand else 0.0
    wanted = 1 + math.ceil(rate_rps / _CARRIED_RPS)
    keep = pool.target - 1 <= wanted <= pool.target
    return PoolDecision(replicas=pool.target if keep else wanted, reason=f"{rate_rps:.1f} requests/s")


def lengths() -> Pairs:
    """Return lengths like those of a chat service: 1,200 tokens in and 210 out on average, with long tails."""
    random = np.random.default_rng(0)
    prompt, output = random.lognormal(6.6, 1.0, _LENGTHS), random.lognormal(4.95, 0.9, _LENGTHS)
    return Pairs(prompt=np.clip(prompt, 1, 8192).astype(np.int32), output=np.clip(output, 1, 4096).astype(np.int32))


def daily(days: float) -> Rates:
    """Return a course between 0.4 and 1.6 times its mean, the same every day."""
    edges_s = np.linspace(0.0, days * _DAY_S, max(2, int(days * 24)) + 1)
    hours = edges_s[:-1] / _HOUR_S
    rate_rps = _USED * REPLICAS * _CARRIED_RPS * (1.0 + 0.6 * np.sin(2 * math.pi * hours / 24))
    return Rates(edges_s=edges_s, rate_rps=rate_rps)


def scenario(initial: int, interval_s: float) -> Scenario:
    """Return one pool of engines of a model of 70 billion parameters, with targets for a chat."""
    pool = SimPool(
        name="chat",
        min_replicas=1,
        max_replicas=40,
        initial_replicas=initial,
        profile=shipped("llama2-70b-h100-tp8"),
        slo=Slo(ttft_p95_s=2.0, tpot_p95_s=0.1),
    )
    return Scenario(pools=(pool,), interval_s=interval_s)


def _measure(what: str, tried: Scenario, rates: Rates, long: Pairs) -> None:
    began_s = time.process_time()
    outcome = simulate(tried, {"chat": Generated(rates=rates, lengths=long)}, ByRate())
    took_s = time.process_time() - began_s
    chat = outcome.pools["chat"]
    print(f"{what}: {chat.requests:,} requests in {took_s:.1f} s of CPU time ({outcome.run_s:.1f} s by the clock)")
    print(f"  {chat.requests / took_s:,.0f} requests/s, {rates.span_s / took_s:,.0f} times real time")
    replicas = chat.replica_seconds / rates.span_s
    print(f"  {chat.attainment:.2%} within targets, {replicas:.1f} replicas on average")


def main() -> None:
    """Measure both; what is compiled at the first use is not counted."""
    days, long = float(sys.argv[1]) if len(sys.argv) > 1 else 7.0, lengths()
    began_s = time.perf_counter()
    simulate(scenario(1, 5.0), {"chat": Generated(rates=level(1.0, 60.0), lengths=long)}, ByRate())
    print(f"first run, compiling or reading what was compiled before: {time.perf_counter() - began_s:.1f} s")
    _measure("one replica", scenario(1, _ALONE_S), level(_CARRIED_RPS, _ALONE_S), long)
    _measure(f"{days:g} days, every 5 s", scenario(REPLICAS, 5.0), daily(days), long)


if __name__ == "__main__":
    main()
