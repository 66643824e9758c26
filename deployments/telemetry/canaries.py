"""The stage of every canary, as Prometheus gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deployments.signals import FleetView


class CanaryCollector(Collector):
    """Reads the fleet controller's last word whenever it is scraped; nothing before the first."""

    def __init__(self, fleet: Callable[[], FleetView | None]) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        """Yield stage, share and changes by node."""
        stage = GaugeMetricFamily("tercet_canary_stage", "The canary's stage from 0; -1 rolled back.", labels=["node"])
        share = GaugeMetricFamily("tercet_canary_share", "The candidate's share of the requests.", labels=["node"])
        steps = CounterMetricFamily("tercet_canary_steps", "Changes of the canary's stage.", labels=["node"])
        view = self._fleet()
        for told in view.canaries.values() if view is not None else ():
            stage.add_metric([told.node], told.index)
            share.add_metric([told.node], told.share)
            steps.add_metric([told.node], told.steps)
        yield from (stage, share, steps)
