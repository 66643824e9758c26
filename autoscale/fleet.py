"""One fleet at one instant: what a policy may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.signals import Histogram, Stage

STARTING: frozenset[Stage] = frozenset({"requested", "placed", "building", "loading", "warming"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Latency targets in seconds; ``None`` where the pool promises nothing."""

    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one engine holds: sequences in its batch and in its queue, share of KV blocks in use."""

    running: int
    waiting: int
    kv_used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaFleet:
    """One replica; ``load`` is ``None`` while nobody knows it, which is not the same as no load."""

    replica: str
    stage: Stage
    since_s: float
    load: Load | None = None
    age_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the gateways have sent and are waiting for; rates are per second over the TTFT window."""

    in_flight: int = 0
    held: int = 0
    arrival_rate: float = 0.0
    refused_rate: float = 0.0
    first_token_rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFleet:
    """One pool at one instant.

    ``target`` is what Serve is steering to. ``slots`` are the sequences one replica runs at once, 0 when unknown.
    ``demand`` is ``None`` while no gateway has been heard. ``blind`` says what is missing from the picture: with
    anything in it, the load that is known is only a lower bound.
    """

    min_replicas: int
    max_replicas: int
    target: int
    slots: int = 0
    slo: Slo = field(default_factory=Slo)
    replicas: tuple[ReplicaFleet, ...] = ()
    demand: Demand | None = None
    ttft: Histogram = field(default_factory=Histogram)
    ttft_window_s: float = 0.0
    inter_token: Histogram = field(default_factory=Histogram)
    blind: tuple[str, ...] = ()

    @property
    def ready(self) -> int:
        """Count the replicas that can answer."""
        return sum(replica.stage == "ready" for replica in self.replicas)

    @property
    def starting(self) -> int:
        """Count the replicas on their way."""
        return sum(replica.stage in STARTING for replica in self.replicas)

    @property
    def ongoing(self) -> int:
        """Count the requests that replicas which stay must carry.

        A request in an engine is also in flight at a gateway, so the two counts overlap and the larger one holds.
        What drains will finish where it is.
        """
        staying = sum(_requests(replica) for replica in self.replicas if replica.stage != "draining")
        leaving = sum(_requests(replica) for replica in self.replicas if replica.stage == "draining")
        sent = self.demand.in_flight if self.demand else 0
        return max(staying, sent - leaving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Every pool at ``at_s`` (Unix time)."""

    at_s: float
    pools: Mapping[str, PoolFleet]


def _requests(replica: ReplicaFleet) -> int:
    return replica.load.running + replica.load.waiting if replica.load else 0
