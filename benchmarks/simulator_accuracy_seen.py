"""What a replay came to, on the real engine or in the simulator: the same figures by the same definitions."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import msgspec
import numpy as np

from autoscale.capacity.profile import EngineProfile
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.engine_record import engine_record
from autoscale.sim.engines import Engines, Feed
from autoscale.sim.kernel.records import RESULT
from autoscale.sim.outcome import Latencies
from benchmarks.figures import quantile

_SEEDS = 10
_LONG_S = 1e6


class Answer(msgspec.Struct, frozen=True):
    """One request: arrival, first and last token, in seconds since the replay began; tokens of the answer."""

    arrival_s: float
    first_s: float
    last_s: float
    tokens: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Time per further token and to the first one in seconds, over requests; output tokens a second from the first
    arrival to the last token.
    """

    tpot_mean_s: float
    ttft_mean_s: float
    ttft_p99_s: float
    tok_s: float


def seen(answers: Sequence[Answer]) -> Seen:
    """Add up what was measured of every request; answers have two tokens or more."""
    ttfts = sorted(one.first_s - one.arrival_s for one in answers)
    span_s = max(one.last_s for one in answers) - min(one.arrival_s for one in answers)
    return Seen(
        tpot_mean_s=fmean((one.last_s - one.first_s) / (one.tokens - 1) for one in answers),
        ttft_mean_s=fmean(ttfts),
        ttft_p99_s=quantile(ttfts, 0.99) or 0.0,
        tok_s=sum(one.tokens for one in answers) / span_s,
    )


def simulated(profile: EngineProfile, trace: Arrivals) -> Seen:
    """Simulate one replica without a gateway before it; means of simulations whose steps differ by chance alone."""
    several = [_once(profile, trace, seed) for seed in range(_SEEDS)]
    return Seen(**{name: fmean(getattr(one, name) for one in several) for name in Seen.__struct_fields__})


def _once(profile: EngineProfile, trace: Arrivals, seed: int) -> Seen:
    record = engine_record(profile, ttft_s=None, tpot_s=None, routing_s=0.0, most_output=1, max_waiting=None)
    results, end_s = np.zeros(1, RESULT), float(trace.t_s[-1]) + _LONG_S
    results["ttft_s"] = results["tpot_s"] = np.inf
    engines = Engines(record, results, 2 * end_s, seed)
    which = engines.add(0.0)
    engines.route_to([which], 0.0)
    feed = Feed(
        t_s=trace.t_s,
        prompt=trace.prompt,
        output=trace.output,
        cached=trace.cached,
        origin=np.zeros(len(trace), np.int32),
    )
    engines.run(feed, np.zeros((1, 2, 2), np.int64), end_s)
    result = results[0]
    if result["answered"] != len(trace):
        raise ValueError(f"{len(trace) - result['answered']} of {len(trace)} requests do not fit into the engine")
    return Seen(
        tpot_mean_s=float(result["tpot_sum_s"]) / len(trace),
        ttft_mean_s=float(result["ttft_sum_s"]) / len(trace),
        ttft_p99_s=Latencies(counts=result["ttft"], sum_s=0.0).quantile(0.99),
        tok_s=float(trace.output.sum()) / (engines.idle_since(which) - float(trace.t_s[0])),
    )
