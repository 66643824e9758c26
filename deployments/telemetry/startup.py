"""How long the stages of each pool's latest start took, as Prometheus gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from deployments.signals import FleetView
from deployments.telemetry.catalogue.scaling import STARTUP


class StartupCollector(Collector):
    """Reads the fleet controller's last word whenever it is scraped; nothing before the first."""

    def __init__(self, fleet: Callable[[], FleetView | None]) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one gauge by pool and stage."""
        family = STARTUP.measured()
        view = self._fleet()
        for name, pool in view.pools.items() if view is not None else ():
            for stage, seconds in pool.startup:
                family.add_metric([name, stage], seconds)
        yield family
