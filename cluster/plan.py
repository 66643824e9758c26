"""What a config comes to: every default filled in, every name checked, every replica placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from autoscale.capacity.profile import EngineProfile
from deployments.scheduling.targets import Late

Family = Literal["dense", "moe", "distilled", "pooling"]
Runtime = Literal["vllm", "synthetic"]
Strategy = Literal["PACK", "STRICT_PACK"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One node's inventory: whole logical CPUs and GPUs, memory in bytes."""

    cpus: int
    gpus: int
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPlan:
    """One pool of identical engines.

    ``bundles`` is what Ray reserves for one replica, one bundle a rank or a group of ranks, laid out by ``strategy``;
    ``cpus``, ``gpus`` and ``memory`` (bytes) are their sums. ``pinned_cores`` is how many cores of its node a replica
    binds for itself alone, ``None`` where replicas share the cores and bind none. ``slots`` is how many sequences a
    replica runs at once, ``max_waiting`` how many more it holds. ``drain_s``, ``ttft_p95_s`` and ``tpot_p95_s`` are
    in seconds. ``failover`` says whether a broken stream goes on at another replica. ``stand_ins`` are the pools that
    may take this one's requests, the best first; ``cost_per_hour`` is one replica's, ``None`` where nobody said.
    ``profile`` is what was measured of such an engine before. ``targets`` are what the engines' schedulers aim at:
    nothing where ``late`` requests go in turn.
    """

    name: str
    family: Family
    source: str
    runtime: Runtime
    engine: Mapping[str, Any]
    media: Mapping[str, Any] = field(default_factory=dict)
    synthetic: Mapping[str, Any]
    adapters: Mapping[str, str]
    min_replicas: int
    max_replicas: int
    initial_replicas: int
    bundles: tuple[Mapping[str, float], ...]
    strategy: Strategy
    cpus: float
    gpus: float
    memory: int | None
    pinned_cores: int | None
    slots: int
    max_waiting: int
    drain_s: float
    ttft_p95_s: float | None
    tpot_p95_s: float | None
    late: Late = "behind"
    targets: Mapping[str, float] = field(default_factory=dict)
    failover: bool = True
    priority: int = 0
    stand_ins: tuple[str, ...] = ()
    cost_per_hour: float | None = None
    profile: EngineProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPlan:
    """The HTTP front; ``settings`` is the JSON that deployments/gateway/settings.py reads, and never restarts it.

    ``resources`` are what a machine must offer Ray for each gateway on it.
    """

    host: str
    port: int
    replicas: int
    settings: Mapping[str, Any]
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that ``serve`` acts on; ``notes`` are true and worth knowing, and stop nothing.

    ``costs`` is the JSON that deployments/cost/settings.py reads.
    """

    pools: tuple[PoolPlan, ...]
    gateway: GatewayPlan
    autoscale: Mapping[str, Any]
    costs: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
