"""What a simulated week costs with a policy: ``python -m benchmarks.simulated_week [DAYS]``.

The pool, its requests and its course over the day are those of ``benchmarks.simulator_speed``: about 12 replicas, every
request on its own, looked at every 5 s. Time is that of the process on one core, knees that the policy has simulated
included; what is compiled at the first use is not. Written to ``results/simulated_week.json``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from autoscale.policies.compose import compose
from autoscale.policy import Policy
from autoscale.sim.knee import SimulatedKnees
from autoscale.sim.traces.generated import Generated
from autoscale.sim.traces.shapes import level
from autoscale.sim.world import simulate
from autoscale.spec import AutoscaleSpec
from benchmarks.simulator_speed import REPLICAS, daily, lengths, scenario

_FILE = Path(__file__).resolve().parent / "results" / "simulated_week.json"
_INTERVAL_S, _DAY_S = 5.0, 86_400.0
POLICIES = ("queue", "sla")


class Week(msgspec.Struct, kw_only=True):
    """One policy's run: ``cpu_s`` of it all, of which ``decide_s`` by the clock in decisions; shares in [0, 1]."""

    policy: str
    days: float
    requests: int
    cpu_s: float
    decide_s: float
    knees: int
    replicas: float
    attainment: float


def measure(name: str, days: float) -> Week:
    """Simulate *days* with the policy of that name."""
    knees = SimulatedKnees()
    policy = _policy(name, knees)
    began_s = time.process_time()
    requests = Generated(rates=daily(days), lengths=lengths())
    outcome = simulate(scenario(REPLICAS, _INTERVAL_S), {"chat": requests}, policy)
    cpu_s, chat = time.process_time() - began_s, outcome.pools["chat"]
    return Week(
        policy=name,
        days=days,
        requests=chat.requests,
        cpu_s=round(cpu_s, 1),
        decide_s=round(float(sum(outcome.decide_s)), 1),
        knees=knees.worked_out,
        replicas=round(chat.replica_seconds / (days * _DAY_S), 2),
        attainment=round(chat.attainment, 5),
    )


def _policy(name: str, knees: SimulatedKnees) -> Policy:
    return compose(AutoscaleSpec.model_validate({"policy": name}), knees)


def main() -> None:
    """Measure every policy, print and write the figures."""
    days, weeks = float(sys.argv[1]) if len(sys.argv) > 1 else 7.0, []
    first = {"chat": Generated(rates=level(1.0, 3600.0), lengths=lengths())}
    simulate(scenario(1, _INTERVAL_S), first, _policy("sla", SimulatedKnees()))
    for name in POLICIES:
        weeks.append(measure(name, days))
        print(msgspec.json.encode(weeks[-1]).decode(), flush=True)
    _FILE.write_bytes(msgspec.json.format(msgspec.json.encode(weeks), indent=1) + b"\n")


if __name__ == "__main__":
    main()
