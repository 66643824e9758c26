"""Copy what is told of replicas and of their pool into plain rows."""

from __future__ import annotations

from typing import Any

from numba import njit

from autoscale.sim.kernel.engine import settle
from autoscale.sim.kernel.records import GRAM, LATENCIES, LENGTHS
from deployments.totals import STEP_FEATURES

# Columns of a replica; its gram and its seconds follow.
RUNNING, WAITING, KV_USED, QUEUED_PROMPT, PROMISED, SQUARED, GRAM_FROM = range(7)
SECONDS_FROM = GRAM_FROM + GRAM
COLUMNS = SECONDS_FROM + STEP_FEATURES

# Columns of a pool; the totals of lengths and two histograms with their sums follow.
(
    ARRIVALS, REFUSED, POOL_IN_FLIGHT, UNANSWERED, UNANSWERED_PROMPT, JUDGED, WITHIN, PREEMPTIONS, REQUEUED, HELD,
    LENGTHS_FROM,
) = range(11)  # fmt: skip
TTFT_FROM = LENGTHS_FROM + LENGTHS
INTER_TOKEN_FROM = TTFT_FROM + LATENCIES + 1
POOL_COLUMNS = INTER_TOKEN_FROM + LATENCIES + 1


@njit
def read(
    pool: Any, replicas: Any, crossings: Any, engine: Any, live: Any, count: int, at_s: float, told: Any, known: Any
) -> None:
    """Fill a row of *told* for each of the first *count* replicas in *live*, and *known* for the pool."""
    for row in range(count):
        one = replicas[live[row]]
        settle(pool, one, crossings[live[row]], engine, at_s)
        _tell(one, engine, told[row])
    known[ARRIVALS], known[REFUSED], known[POOL_IN_FLIGHT] = pool.arrivals, pool.refused, pool.in_flight
    known[UNANSWERED], known[UNANSWERED_PROMPT] = pool.unanswered, pool.unanswered_prompt
    known[JUDGED], known[WITHIN] = pool.judged, pool.within
    known[PREEMPTIONS], known[REQUEUED], known[HELD] = pool.preemptions, pool.requeued, pool.held
    for at in range(LENGTHS):
        known[LENGTHS_FROM + at] = pool.lengths[at]
    for at in range(LATENCIES):
        known[TTFT_FROM + at] = pool.ttft[at]
        known[INTER_TOKEN_FROM + at] = pool.inter_token[at]
    known[TTFT_FROM + LATENCIES] = pool.ttft_sum_s
    known[INTER_TOKEN_FROM + LATENCIES] = pool.inter_token_sum_s


@njit
def _tell(one: Any, engine: Any, row: Any) -> None:
    row[RUNNING], row[WAITING], row[SQUARED] = one.running, one.waiting + one.late, one.squared
    row[KV_USED] = 1.0 - one.free / engine.blocks
    row[QUEUED_PROMPT], row[PROMISED] = one.queued_prompt, one.promised
    for at in range(GRAM):
        row[GRAM_FROM + at] = one.gram[at]
    for at in range(STEP_FEATURES):
        row[SECONDS_FROM + at] = one.seconds[at]
