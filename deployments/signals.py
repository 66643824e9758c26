"""What replicas and gateways report about themselves, in plain numbers with their age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from deployments.adapters import AdapterReport
from deployments.answers.orders import Forgetting
from deployments.totals import LengthTotals, StepTotals

if TYPE_CHECKING:  # a canary's counts are made of what is here
    from deployments.canary import CanaryReport, CanaryStage

Stage = Literal["requested", "placed", "building", "loading", "warming", "ready", "draining"]

# Upper bounds in seconds; one set for every histogram so that series from different processes add up.
LATENCY_BOUNDS_S: tuple[float, ...] = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Cumulative counts since the process began: ``counts[i]`` values were at most ``LATENCY_BOUNDS_S[i]``.

    ``total`` counts every value, those over the last bound included. Differences of two readings are exact, which a
    mean of percentiles is not.
    """

    counts: tuple[int, ...] = (0,) * len(LATENCY_BOUNDS_S)
    total: int = 0
    sum_s: float = 0.0


def since(newer: Histogram, older: Histogram) -> Histogram:
    """Return what happened between two readings; *newer* itself where the process has restarted in between."""
    if newer == older:  # most often: nothing at all
        return Histogram()
    counts = tuple(new - old for new, old in zip(newer.counts, older.counts, strict=True))
    if newer.total < older.total or any(count < 0 for count in counts):
        return newer
    return Histogram(counts=counts, total=newer.total - older.total, sum_s=max(0.0, newer.sum_s - older.sum_s))


def quantile(histogram: Histogram, q: float) -> float | None:
    """Estimate the *q*-quantile in seconds, *q* in [0, 1], linearly inside its bucket; None without values.

    Values over the last bound are reported as that bound: the histogram knows no more than that they are at least it.
    """
    if histogram.total == 0:
        return None
    rank = q * histogram.total
    below, lower_s = 0, 0.0
    for count, upper_s in zip(histogram.counts, LATENCY_BOUNDS_S, strict=True):
        if count >= rank and count > below:
            return lower_s + (upper_s - lower_s) * max(0.0, rank - below) / (count - below)
        below, lower_s = count, upper_s
    return LATENCY_BOUNDS_S[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSignals:
    """One engine replica at one instant.

    ``at_s`` is Unix time. ``running`` sequences are in the engine's batch, ``waiting`` ones in its queue.
    ``kv_used`` is the share of KV cache blocks in use, in [0, 1]. Names ending in ``_total`` only grow;
    ``aborted_total`` counts requests that were ended before they had finished, and
    of ``prefix_queries_total`` prompt tokens, ``prefix_hits_total`` were found in the prefix cache; of
    ``drafted_total`` speculated tokens, ``accepted_total`` proved right. ``address`` is
    where gateways reach the replica with its ``key``, ``adapters`` the LoRA adapters that it holds;
    ``adapter_reports`` tell of all that it was asked to hold. ``startup`` is how many seconds each stage of its start
    took, in order, as far as it has come. ``queued_prompt_tokens`` are those of waiting sequences, ``remaining_tokens``
    the most that running and waiting ones may still generate; ``kv_tokens`` is the size of the KV cache and
    ``batched_tokens`` the most that one step computes, 0 while unknown. ``steps`` sums up the steps after warm-up.
    """

    pool: str
    replica: str
    at_s: float
    stage: Stage
    stage_since_s: float
    running: int = 0
    waiting: int = 0
    slots: int = 0
    kv_used: float = 0.0
    prompt_tokens_total: int = 0
    generated_tokens_total: int = 0
    preemptions_total: int = 0
    aborted_total: int = 0
    prefix_queries_total: int = 0
    prefix_hits_total: int = 0
    drafted_total: int = 0
    accepted_total: int = 0
    ttft: Histogram = field(default_factory=Histogram)
    inter_token: Histogram = field(default_factory=Histogram)
    address: str = ""
    key: str = field(default="", repr=False)
    adapters: tuple[str, ...] = ()
    adapter_reports: tuple[AdapterReport, ...] = ()
    startup: tuple[tuple[str, float], ...] = ()
    queued_prompt_tokens: int = 0
    remaining_tokens: int = 0
    kv_tokens: int = 0
    batched_tokens: int = 0
    steps: StepTotals = field(default_factory=StepTotals)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassDemand:
    """The part of a pool's demand that is of one class of tenants."""

    in_flight: int = 0
    held: int = 0
    arrivals_total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDemand:
    """One pool as one gateway sees it.

    ``in_flight`` requests were sent and are unfinished; ``held`` ones among them have had no token yet.
    ``arrivals_total`` counts requests sent, ``refused_total`` those that the pool turned away. ``ttft`` is measured at
    the gateway and therefore includes every queue. ``held_prompt_tokens`` estimates the prompts of held requests;
    ``lengths`` are of those that finished. Of ``judged_total`` finished ones, ``within_total`` met every latency target
    of the pool. ``classes`` splits the demand by class of tenant. ``moved_total`` requests meant for the pool were
    answered by a stand-in in its place and are in no other count of it; of its own arrivals, ``stood_in_total`` were
    meant for others.
    """

    in_flight: int = 0
    held: int = 0
    arrivals_total: int = 0
    refused_total: int = 0
    ttft: Histogram = field(default_factory=Histogram)
    held_prompt_tokens: int = 0
    lengths: LengthTotals = field(default_factory=LengthTotals)
    judged_total: int = 0
    within_total: int = 0
    classes: Mapping[str, ClassDemand] = field(default_factory=dict)
    moved_total: int = 0
    stood_in_total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalCounts:
    """One goal at one gateway: of ``judged`` requests since it began, ``missed`` were not good.

    ``share`` should be, over ``window_s`` seconds.
    """

    judged: int
    missed: int
    share: float
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySignals:
    """One gateway replica at one instant: the demand on each pool that it has sent a request to.

    ``settings`` is the fingerprint of the graph and limits that new requests meet there; ``canaries`` is what it counts
    of each. ``audit`` says how its audit trail is, "" where it keeps none. ``forgotten`` is the number of the last
    order to forget answers that it has carried out. Other gateways fetch its series at ``address`` with its ``key``;
    ``goals`` is how it kept what the cluster promises.
    """

    gateway: str
    at_s: float
    pools: Mapping[str, PoolDemand]
    settings: str = ""
    canaries: tuple[CanaryReport, ...] = ()
    audit: str = ""
    forgotten: int = 0
    goals: Mapping[str, GoalCounts] = field(default_factory=dict)
    address: str = ""
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPlace:
    """Where one gateway's series are fetched and with which key."""

    gateway: str
    address: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPlace:
    """Where one replica is reached and with which key, and the LoRA adapters that it holds."""

    replica: str
    address: str
    key: str = field(default="", repr=False)
    adapters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """What the controller tells everyone about one pool: replicas able to answer, wanted, and on their way.

    ``replicas`` are those that have said where they are reached, whatever their stage. ``scaled_to_zero`` is true from
    the moment the pool was sized to none until a replica is ready again: its requests are held. A pool without
    replicas that is not scaled to zero has lost them. ``adapters`` are the LoRA adapters loaded at run time, whether
    or not a replica holds them yet. ``startup`` is how many seconds each stage took in the youngest replica's start.
    ``ttft_target_s`` and ``tpot_target_s`` are what the pool promises, None where nothing. ``parked`` replicas are
    about to be released: they finish what they have and are sent nothing that another can take. ``cold_start_s`` is
    what a start takes in all, ``ready_in_s`` about how long until one more replica is ready, both None while unknown.
    ``kept_empty`` says what an operator has to do before a pool that is scaled to zero wakes, "" where a request does.
    ``starting_for_s`` is for how long the oldest replica on its way has been so, None where none is.
    """

    ready: int
    target: int
    starting: int
    scaled_to_zero: bool = False
    replicas: tuple[ReplicaPlace, ...] = ()
    adapters: tuple[str, ...] = ()
    startup: tuple[tuple[str, float], ...] = ()
    ttft_target_s: float | None = None
    tpot_target_s: float | None = None
    parked: tuple[str, ...] = ()
    cold_start_s: float | None = None
    ready_in_s: float | None = None
    kept_empty: str = ""
    starting_for_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What the control loop has done since it began.

    ``decisions`` counts, by pool, how often it was to grow and how often to shrink. ``decide`` tells how long decisions
    took. ``proposed`` pools have a change that waits for approval, ``pinned`` ones a size set by hand.
    """

    mode: str = "active"
    decisions: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    policy_errors: int = 0
    serve_errors: int = 0
    decide: Histogram = field(default_factory=Histogram)
    proposed: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """The controller's last word, returned to whoever reports; ``at_s`` is Unix time. ``canaries`` are told by id.

    ``brown_out`` is the share of each pool's requests, in [0, 1], that should go to a stand-in while its own replicas
    are late; a pool that is not in it keeps all of them. ``scaling`` is what the control loop has done. ``forgettings``
    are the orders that the gateway which is told has not carried out, ``gateways`` are those that speak, and ``node``
    is the address of the controller's machine, "" where nobody knows.
    """

    at_s: float
    pools: Mapping[str, PoolState]
    canaries: Mapping[str, CanaryStage] = field(default_factory=dict)
    brown_out: Mapping[str, float] = field(default_factory=dict)
    scaling: Scaling | None = None
    forgettings: tuple[Forgetting, ...] = ()
    gateways: tuple[GatewayPlace, ...] = ()
    node: str = ""
