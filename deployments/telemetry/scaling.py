"""What the control loop does, as Prometheus series."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from deployments.signals import LATENCY_BOUNDS_S, FleetView, Histogram, Scaling

_POOL = ["pool"]


class ScalingCollector(Collector):
    """Reads the fleet controller's last word whenever it is scraped; nothing before the first.

    Every gateway tells the same, so that panels take the highest over gateways and not the sum.
    """

    def __init__(self, fleet: Callable[[], FleetView | None]) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        """Yield the pools' sizes, then what the loop has done."""
        view = self._fleet()
        if view is not None:
            yield from _pools(view)
            if view.scaling is not None:
                yield from _loop(view.scaling)


def _pools(view: FleetView) -> Iterator[Metric]:
    target = GaugeMetricFamily("tercet_autoscale_target", "Replicas that the pool should have.", labels=_POOL)
    ready = GaugeMetricFamily("tercet_autoscale_ready", "Replicas that can answer.", labels=_POOL)
    starting = GaugeMetricFamily("tercet_autoscale_starting", "Replicas on their way.", labels=_POOL)
    parked = GaugeMetricFamily("tercet_autoscale_parked", "Replicas that are about to be released.", labels=_POOL)
    moved = GaugeMetricFamily(
        "tercet_autoscale_brown_out_share", "Share of the requests that stand-ins should take.", labels=_POOL
    )
    start = GaugeMetricFamily("tercet_autoscale_cold_start_seconds", "What a replica's start takes.", labels=_POOL)
    for name, pool in view.pools.items():
        target.add_metric([name], pool.target)
        ready.add_metric([name], pool.ready)
        starting.add_metric([name], pool.starting)
        parked.add_metric([name], len(pool.parked))
        moved.add_metric([name], view.brown_out.get(name, 0.0))
        if pool.cold_start_s is not None:
            start.add_metric([name], pool.cold_start_s)
    yield from (target, ready, starting, parked, moved, start)


def _loop(done: Scaling) -> Iterator[Metric]:
    decisions = CounterMetricFamily(
        "tercet_autoscale_decisions", "Decisions to change a pool's size.", labels=["pool", "direction"]
    )
    for pool, counts in done.decisions.items():
        for direction, count in zip(("up", "down"), counts, strict=True):
            decisions.add_metric([pool, direction], count)
    proposed = GaugeMetricFamily("tercet_autoscale_proposed", "1 while a change waits for approval.", labels=_POOL)
    for pool in done.proposed:
        proposed.add_metric([pool], 1)
    pinned = GaugeMetricFamily("tercet_autoscale_pinned", "1 while the size is set by hand.", labels=_POOL)
    for pool in done.pinned:
        pinned.add_metric([pool], 1)
    yield from (decisions, proposed, pinned)
    yield CounterMetricFamily(
        "tercet_autoscale_policy_errors", "Times that the policy failed and was held instead.", value=done.policy_errors
    )
    yield CounterMetricFamily(
        "tercet_autoscale_serve_errors", "Times that Serve did not answer.", value=done.serve_errors
    )
    yield _seconds(done.decide)


def _seconds(taken: Histogram) -> Metric:
    family = HistogramMetricFamily("tercet_autoscale_decision_seconds", "How long decisions took.", labels=[])
    buckets = [(str(bound), count) for bound, count in zip(LATENCY_BOUNDS_S, taken.counts, strict=True)]
    family.add_metric([], [*buckets, ("+Inf", taken.total)], taken.sum_s)
    return family
