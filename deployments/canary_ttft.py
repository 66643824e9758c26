"""What a histogram is certain of: a value is known to lie between two bounds, and nowhere in particular."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

from deployments.canary_evidence import exceeds
from deployments.signals import LATENCY_BOUNDS_S, Histogram

# The 95th percentile is within a limit when no more than this part is later.
LATE = 0.05


class Bucket(NamedTuple):
    """Between which bounds in seconds a quantile lies."""

    above_s: float
    at_most_s: float

    def __str__(self) -> str:
        """Return both as text."""
        return f"{self.above_s:g} to {self.at_most_s:g} s"


def bucket(histogram: Histogram) -> Bucket:
    """Return where the 95th percentile of *histogram*, which has values, lies."""
    at = bisect_left(histogram.counts, (1 - LATE) * histogram.total)
    bounds = (0.0, *LATENCY_BOUNDS_S, math.inf)
    return Bucket(bounds[at], bounds[at + 1])


def later_than(histogram: Histogram, limit_s: float) -> int:
    """Count the values that are certainly more than *limit_s*."""
    at = bisect_left(LATENCY_BOUNDS_S, limit_s)
    return histogram.total - histogram.counts[at] if at < len(LATENCY_BOUNDS_S) else 0


def proven_within(histogram: Histogram) -> float:
    """Return the least bound in seconds that the true 95th percentile is proven to keep to; infinity where none is."""
    for bound_s, within in zip(LATENCY_BOUNDS_S, histogram.counts, strict=True):
        if exceeds(within, histogram.total, 1 - LATE):
            return bound_s
    return math.inf
