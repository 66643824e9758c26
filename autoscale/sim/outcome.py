"""What came of a simulation, pool by pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from autoscale.sim.kernel.records import BIN_FROM_S, BIN_RATIO, BINS

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

ATTAINMENT_WINDOW_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latencies:
    """A fine logarithmic histogram of seconds (2 % wide bins) of all answered requests, and their sum."""

    counts: Counts
    sum_s: float

    def quantile(self, q: float) -> float:
        """Return the *q*-quantile in seconds, *q* in [0, 1], to 2 %; nan without values."""
        if self.total == 0:
            return float("nan")
        at = int(np.searchsorted(np.cumsum(self.counts), q * self.total))
        return float(BIN_FROM_S * BIN_RATIO ** min(at, BINS - 1))

    @property
    def total(self) -> int:
        """Count the values."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Return the mean in seconds, exact; nan without values."""
        return self.sum_s / self.total if self.total else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """The pool at every tick: when, what Serve steers to, replicas by stage, and what it was asked to do.

    ``requested`` ones have no hardware yet. ``waiting`` are requests in queues of engines and gateways, ``running``
    those in batches. ``brown_out`` is the share in force.
    """

    t_s: Floats
    target: Counts
    requested: Counts
    loading: Counts
    warming: Counts
    ready: Counts
    draining: Counts
    running: Counts
    waiting: Counts
    brown_out: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision that differs from the one before: the number, its reason, what bound it and what lost."""

    t_s: float
    replicas: int
    reason: str
    binds: str = ""
    rejected: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolOutcome:
    """One pool's requests, replicas and decisions.

    Requests count for the pool that they were sent to, even where a stand-in answered them; ``answered`` ones of
    ``requests`` got all their tokens, the rest are missed. ``within_slo`` met both targets, ``within_ttft`` and
    ``within_tpot`` one each. ``window_requests`` and ``window_within`` are by arrival in windows of
    ``ATTAINMENT_WINDOW_S``. ``replica_seconds`` are paid from being placed on hardware to being gone or to
    the last arrival, with ``cost`` in the hardware's currency. ``starts`` count from being placed; one is ``wasted``
    when the replica was taken away before it answered anything. ``reversals`` counts changes of the target whose
    direction differs from the change before, of ``scale_events`` in all. ``cut`` streams were ended by a drain deadline
    after their first token; ``refused`` requests were turned away: no replica may hold so many, or its cache is too
    small for one; ``unanswered`` ones were still on their way at the end. ``requeued`` counts how often a request began
    again elsewhere, ``preemptions`` how often in its replica. ``moved_tokens`` went to stand-ins, of ``tokens`` in all
    (prompt and output).
    """

    requests: int
    answered: int
    within_slo: int
    within_ttft: int
    within_tpot: int
    ttft: Latencies
    tpot: Latencies
    window_requests: Counts
    window_within: Counts
    timeline: Timeline
    replica_seconds: float
    cost: float
    starts: int
    failed_starts: int
    wasted_starts: int
    scale_events: int
    reversals: int
    cut: int
    refused: int
    unanswered: int
    requeued: int
    preemptions: int
    moved_requests: int
    moved_tokens: int
    tokens: int
    decisions: tuple[Decided, ...]

    @property
    def attainment(self) -> float:
        """Return the share of requests within both targets, in [0, 1]; 1 without requests."""
        return self.within_slo / self.requests if self.requests else 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """A whole run: simulated seconds, pools by name, and the wall-clock seconds of every call of the policy.

    ``decide_s`` and ``run_s`` are measured, so they are the only fields that differ between runs of one seed.
    """

    simulated_s: float
    pools: Mapping[str, PoolOutcome]
    decide_s: Floats
    run_s: float
