"""Our own cumulative histograms, as Prometheus has them."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client.core import HistogramMetricFamily

from deployments.signals import LATENCY_BOUNDS_S, Histogram


def add_histogram(family: HistogramMetricFamily, labels: Sequence[str], taken: Histogram) -> None:
    """Add one histogram of latencies to *family*."""
    buckets = [(str(bound), count) for bound, count in zip(LATENCY_BOUNDS_S, taken.counts, strict=True)]
    family.add_metric(labels, [*buckets, ("+Inf", taken.total)], taken.sum_s)
