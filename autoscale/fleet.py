"""One fleet at one instant: what a policy may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.hardware import Hardware, Inventory
from deployments.scheduling.targets import Late, Targets, targets_of
from deployments.signals import ClassDemand, Histogram, Stage
from deployments.totals import LengthTotals, StepTotals

STARTING: frozenset[Stage] = frozenset({"requested", "placed", "building", "loading", "warming"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Latency targets in seconds; ``None`` where the pool promises nothing.

    The engines' schedulers aim at them unless late requests are to go ``in_turn``.
    """

    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None
    late: Late = "behind"

    @property
    def targets(self) -> Targets:
        """Return what the engines' schedulers aim at."""
        return targets_of(self.ttft_p95_s, self.tpot_p95_s, self.late)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one engine holds: sequences in its batch and in its queue, share of KV blocks in use.

    ``queued_prompt_tokens`` are of the sequences in the queue; ``remaining_tokens`` is the most that all of them may
    still generate.
    """

    running: int
    waiting: int
    kv_used: float
    queued_prompt_tokens: int = 0
    remaining_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaFleet:
    """One replica; ``load`` is ``None`` while nobody knows it, which is not the same as no load.

    ``requested_s`` is when it was asked for. ``startup_s`` is what its start took in all, once it is ready. ``steps``
    are its totals since it began, whose difference between two fleets is what it did in between.
    """

    replica: str
    stage: Stage
    since_s: float
    load: Load | None = None
    age_s: float | None = None
    requested_s: float = 0.0
    startup_s: float | None = None
    steps: StepTotals = field(default_factory=StepTotals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the gateways have sent and are waiting for; rates are per second over the TTFT window.

    ``arrivals_total``, ``lengths``, ``judged_total`` and ``within_total`` only grow from fleet to fleet, gateways that
    come and go included: their differences are exact. Of ``judged_total`` finished requests, ``within_total`` met
    every latency target of the pool. ``moved_total`` requests meant for the pool went to a stand-in, and of its own
    arrivals ``stood_in_total`` were meant for others; both only grow.
    """

    in_flight: int = 0
    held: int = 0
    held_prompt_tokens: int = 0
    arrival_rate: float = 0.0
    refused_rate: float = 0.0
    first_token_rate: float = 0.0
    arrivals_total: int = 0
    lengths: LengthTotals = field(default_factory=LengthTotals)
    judged_total: int = 0
    within_total: int = 0
    classes: Mapping[str, ClassDemand] = field(default_factory=dict)
    moved_total: int = 0
    stood_in_total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFleet:
    """One pool at one instant.

    ``target`` is what Serve is steering to. ``slots`` are the sequences one replica runs at once, 0 when unknown.
    ``demand`` is ``None`` while no gateway has been heard. ``blind`` says what is missing from the picture: with
    anything in it, the load that is known is only a lower bound. ``limits`` are the engine's sizes as far as they are
    known; ``profile`` is what was measured of such an engine before, ``None`` where nobody did. ``priority`` decides
    who gets scarce hardware, the higher first; ``stand_ins`` are the pools that may take this one's requests in a
    brown-out, the best first, and ``brown_out`` is the share of requests that they are taking now.
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
    hardware: Hardware = field(default_factory=Hardware)
    limits: EngineLimits = field(default_factory=EngineLimits)
    profile: EngineProfile | None = None
    priority: int = 0
    stand_ins: tuple[str, ...] = ()
    brown_out: float = 0.0

    @property
    def fixed(self) -> bool:
        """Say whether there is nothing to decide: one size, and nobody who stands in where it falls short."""
        return self.min_replicas == self.max_replicas and not self.stand_ins

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
    """Every pool at ``at_s`` (Unix time); ``inventory`` is the hardware there is, ``None`` where nobody counted."""

    at_s: float
    pools: Mapping[str, PoolFleet]
    inventory: Inventory | None = None


def _requests(replica: ReplicaFleet) -> int:
    return replica.load.running + replica.load.waiting if replica.load else 0
