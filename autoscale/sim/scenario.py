"""What is simulated: pools with their engines, the fleet around them, and how far what policies see is from it."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoscale.capacity.profile import EngineProfile
from autoscale.fleet import Slo
from autoscale.hardware import Hardware, Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class SimPool:
    """One pool: its bounds and what it begins with (all ready), its engine and its targets.

    ``slo`` judges every request: it is within when its TTFT and its mean TPOT are at most those numbers, whatever the
    quantile in their names. The first of ``stand_ins`` takes its requests in a brown-out. A replica refuses what comes
    when ``max_waiting`` requests more than its slots are with it; ``None`` bounds nothing. Clients ask for at most
    ``most_output`` tokens, which is all that anyone knows of a request's length before it ends. A replica that leaves
    may finish its streams for ``drain_s`` seconds; ``None`` is as long as the scenario says.
    """

    name: str
    min_replicas: int
    max_replicas: int
    initial_replicas: int
    profile: EngineProfile
    slo: Slo = field(default_factory=Slo)
    hardware: Hardware = field(default_factory=Hardware)
    stand_ins: tuple[str, ...] = ()
    priority: int = 0
    max_waiting: int | None = None
    most_output: int = 4096
    drain_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse sizes with which nothing can run."""
        limits = self.profile.limits
        if min(limits.slots, limits.batched_tokens, limits.kv_tokens // max(1, limits.block_tokens)) < 1:
            raise ValueError(f"pool {self.name}: slots, batched_tokens and kv_tokens of its profile must be known")
        if not 0 <= self.min_replicas <= self.initial_replicas <= self.max_replicas:
            raise ValueError(f"pool {self.name}: min_replicas <= initial_replicas <= max_replicas must hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fleet and its weather; times in seconds.

    The policy decides every ``interval_s``. What it sees of loads, demand, latencies and totals is ``signal_lag_s``
    old; targets and the stages of replicas are Serve's own and of now. Serve follows ``serve_lag_s`` later.
    ``capacity_error`` e shows engines to the policy as if their steps took 1 / (1 + e) of their time, in profiles and
    in totals: e = 0.2 overstates capacity by 20 %. ``drain_s`` is how long a replica that leaves may finish its streams
    before they are cut. Replicas fail ``replica_failures_per_day`` each, nodes of the inventory
    ``node_failures_per_day`` each for ``node_repair_s``. ``routing_s`` is what gateway and router add to every TTFT.
    ``window_s`` is the time over which rates and latency histograms reach back. After the last arrival, or
    ``duration_s``, the run goes on until all is answered or ``settle_s`` have passed; what has no answer then is
    missed, and replicas are not paid for that time. ``began_s`` is the Unix time of the trace's second 0: policies see
    Unix times, outcomes count from second 0.
    """

    pools: tuple[SimPool, ...]
    interval_s: float = 5.0
    signal_lag_s: float = 1.0
    serve_lag_s: float = 0.5
    seed: int = 0
    capacity_error: float = 0.0
    drain_s: float = 900.0
    replica_failures_per_day: float = 0.0
    node_failures_per_day: float = 0.0
    node_repair_s: float = 600.0
    inventory: Inventory | None = None
    routing_s: float = 0.005
    window_s: float = 30.0
    settle_s: float = 600.0
    duration_s: float | None = None
    began_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse stand-ins that are not there, and times that do not move on."""
        names = [pool.name for pool in self.pools]
        if len(set(names)) < len(names):
            raise ValueError("pools: names must differ")
        for pool in self.pools:
            if unknown := set(pool.stand_ins) - set(names):
                raise ValueError(f"pool {pool.name}: stand_ins {sorted(unknown)} are no pools of the scenario")
        if self.interval_s <= 0 or self.signal_lag_s < 0 or self.serve_lag_s < 0 or self.capacity_error <= -1:
            raise ValueError("interval_s must be above 0, lags at least 0 and capacity_error above -1")
