"""Sum up one pool at the end of a run."""

from __future__ import annotations

import math
from typing import Any

from autoscale.sim.kernel import reading
from autoscale.sim.outcome import ATTAINMENT_WINDOW_S, Latencies, PoolOutcome
from autoscale.sim.pool import Pool

_HOUR_S = 3600.0


def pool_outcome(pool: Pool, result: Any, windows: Any, horizon_s: float) -> PoolOutcome:
    """Return what came of the requests that were sent to *pool*; replicas are paid for until *horizon_s*."""
    replicas, ledger = pool.replicas, pool.ledger
    paid_s = replicas.bill.seconds(replicas.all, horizon_s)
    _, known = pool.engines.read([], horizon_s)
    spans = windows[: math.ceil(horizon_s / ATTAINMENT_WINDOW_S) + 1]
    requests, answered = int(result["requests"]), int(result["answered"])
    refused, cut = int(result["refused"]), int(result["cut"])
    return PoolOutcome(
        requests=requests,
        answered=answered,
        within_slo=int(result["within"]),
        within_ttft=int(result["within_ttft"]),
        within_tpot=int(result["within_tpot"]),
        ttft=Latencies(counts=result["ttft"].copy(), sum_s=float(result["ttft_sum_s"])),
        tpot=Latencies(counts=result["tpot"].copy(), sum_s=float(result["tpot_sum_s"])),
        window_requests=spans[:, 0].copy(),
        window_within=spans[:, 1].copy(),
        timeline=ledger.timeline(),
        replica_seconds=paid_s,
        cost=paid_s / _HOUR_S * pool.settings.hardware.cost_per_hour,
        starts=replicas.bill.starts,
        failed_starts=replicas.bill.failed_starts,
        wasted_starts=replicas.bill.wasted_starts,
        scale_events=ledger.scale_events,
        reversals=ledger.reversals,
        cut=cut,
        refused=refused,
        unanswered=requests - answered - refused - cut,
        requeued=int(known[reading.REQUEUED]),
        preemptions=int(known[reading.PREEMPTIONS]),
        moved_requests=ledger.moved_requests,
        moved_tokens=ledger.moved_tokens,
        tokens=pool.source.tokens,
        decisions=tuple(ledger.decisions),
    )
