"""Latency histograms added up, and held against a target."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from deployments.signals import LATENCY_BOUNDS_S, Histogram


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """Add up histograms from different processes."""
    kept = [Histogram(), *(histogram for histogram in histograms if histogram.total)]
    return Histogram(
        counts=tuple(map(sum, zip(*(histogram.counts for histogram in kept), strict=True))),
        total=sum(histogram.total for histogram in kept),
        sum_s=sum(histogram.sum_s for histogram in kept),
    )


def attainment(histogram: Histogram, target_s: float) -> float | None:
    """Return the share of values within *target_s*, in [0, 1], linear inside a bucket; None without values.

    Values over the last bound count as misses: the histogram knows only that they are slow.
    """
    if histogram.total == 0:
        return None
    points = [(0.0, 0), *zip(LATENCY_BOUNDS_S, histogram.counts, strict=True)]
    for (lower_s, below), (upper_s, upto) in pairwise(points):
        if target_s <= upper_s:
            inside = (upto - below) * (target_s - lower_s) / (upper_s - lower_s)
            return (below + inside) / histogram.total
    return histogram.counts[-1] / histogram.total
