"""Accumulate latencies into the histogram that signals carry."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from deployments.signals import LATENCY_BOUNDS_S, Histogram


class LatencyHistogram:
    """Counts values by bucket; one owner writes, readings are immutable."""

    __slots__ = ("_buckets", "_sum_s")

    def __init__(self) -> None:
        self._buckets = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self._sum_s = 0.0

    def add(self, value_s: float, times: int = 1) -> None:
        """Count *value_s*, a duration in seconds, *times* times."""
        self._buckets[bisect_left(LATENCY_BOUNDS_S, value_s)] += times
        self._sum_s += value_s * times

    def read(self) -> Histogram:
        """Return the cumulative counts so far."""
        running = tuple(accumulate(self._buckets))
        return Histogram(counts=running[:-1], total=running[-1], sum_s=self._sum_s)
