"""Count finished requests: for the gateway, and for what is said of the run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from autoscale.sim.kernel.records import BIN_FROM_S, BIN_RATIO, BINS, LATENCIES, LENGTH_SUMS
from deployments.signals import LATENCY_BOUNDS_S
from deployments.totals import BINS_A_DOUBLING, LENGTH_BINS

_BOUNDS_S = np.array(LATENCY_BOUNDS_S)
_PER_LOG = 1.0 / math.log(BIN_RATIO)
_TO_WHOLE = 0.5


@njit
def fine_bin(value_s: float) -> int:
    """Return the bin of a latency in the outcome's histograms."""
    if value_s <= BIN_FROM_S:
        return 0
    return min(BINS - 1, int(math.log(value_s / BIN_FROM_S) * _PER_LOG + _TO_WHOLE))


@njit
def coarse_bin(value_s: float) -> int:
    """Return the first of the signals' bounds that is not less than a latency."""
    for at in range(LATENCIES - 1):
        if value_s <= _BOUNDS_S[at]:
            return at
    return LATENCIES - 1


@njit
def first_token(pool: Any, engine: Any, request: Any, at_s: float) -> None:
    """Count the first token of a request."""
    request.first_s = at_s
    ttft_s = at_s - request.arrival_s + engine.routing_s
    pool.ttft[coarse_bin(ttft_s)] += 1
    pool.ttft_sum_s += ttft_s
    pool.unanswered -= 1
    pool.unanswered_prompt -= request.prompt


@njit
def finished(pool: Any, engine: Any, request: Any, results: Any, windows: Any, window_s: float, at_s: float) -> None:
    """Count a request whose last token came at *at_s*."""
    ttft_s = request.first_s - request.arrival_s + engine.routing_s
    tpot_s = (at_s - request.first_s) / (request.output - 1) if request.output > 1 else 0.0
    pool.in_flight -= 1
    pool.judged += 1
    if ttft_s <= engine.ttft_s and tpot_s <= engine.tpot_s:
        pool.within += 1
    _add_lengths(pool.lengths, float(request.prompt), float(request.cached), float(request.output))
    result = results[request.origin]
    result.answered += 1
    result.tokens += request.prompt + request.output
    result.ttft_sum_s += ttft_s
    result.tpot_sum_s += tpot_s
    result.ttft[fine_bin(ttft_s)] += 1
    result.tpot[fine_bin(tpot_s)] += 1
    soon, fluent = ttft_s <= result.ttft_s, tpot_s <= result.tpot_s
    result.within_ttft += soon
    result.within_tpot += fluent
    if soon and fluent:
        result.within += 1
        windows[request.origin, int(request.arrival_s / window_s), 1] += 1


@njit
def _add_lengths(lengths: Any, prompt: float, cached: float, output: float) -> None:
    """Add in the order of the fields of ``LengthTotals``, histograms behind the sums."""
    lengths[0] += 1.0
    lengths[1] += prompt
    lengths[2] += cached
    lengths[3] += output
    lengths[4] += prompt * prompt
    lengths[5] += output * output
    lengths[6] += prompt * output
    lengths[LENGTH_SUMS + _length_bin(prompt)] += 1.0
    lengths[LENGTH_SUMS + LENGTH_BINS + _length_bin(output)] += 1.0


@njit
def _length_bin(tokens: float) -> int:
    """Return what ``length_bin`` does."""
    return min(LENGTH_BINS - 1, int(BINS_A_DOUBLING * math.log2(tokens))) if tokens > 1.0 else 0
