"""The stage of every canary, as Prometheus gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from deployments.signals import FleetView
from deployments.telemetry.catalogue.graph import CANARY_SHARE, CANARY_STAGE, CANARY_STEPS


class CanaryCollector(Collector):
    """Reads the fleet controller's last word whenever it is scraped; nothing before the first."""

    def __init__(self, fleet: Callable[[], FleetView | None]) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        """Yield stage, share and changes by node."""
        stage, share, steps = CANARY_STAGE.measured(), CANARY_SHARE.measured(), CANARY_STEPS.counted()
        view = self._fleet()
        for told in view.canaries.values() if view is not None else ():
            stage.add_metric([told.node], told.index)
            share.add_metric([told.node], told.share)
            steps.add_metric([told.node], told.steps)
        yield from (stage, share, steps)
