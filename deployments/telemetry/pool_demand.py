"""The demand on every pool as this gateway sees it, as Prometheus series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from deployments.signals import PoolDemand
from deployments.telemetry.catalogue import requests


class DemandCollector(Collector):
    """Reads the counts whenever it is scraped; a pool that nothing was sent to has none.

    Those of ``promising``, which have latency targets, are judged from zero on: what a counter begins with counts as
    nothing to whoever looks at its growth.
    """

    def __init__(
        self, read: Callable[[], Mapping[str, PoolDemand]], promising: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self._read, self._promising = read, promising

    def collect(self) -> Iterator[Metric]:
        """Yield what is under way, what was sent, and how it kept to the pool's targets."""
        under_way, held = requests.IN_FLIGHT.measured(), requests.HELD.measured()
        sent, refused = requests.ARRIVALS.counted(), requests.TURNED_AWAY.counted()
        judged, within = requests.JUDGED.counted(), requests.WITHIN.counted()
        told = self._read()
        for pool, demand in told.items():
            under_way.add_metric([pool], demand.in_flight)
            held.add_metric([pool], demand.held)
            sent.add_metric([pool], demand.arrivals_total)
            refused.add_metric([pool], demand.refused_total)
        promising = {*self._promising(), *(pool for pool, demand in told.items() if demand.judged_total)}
        for pool in sorted(promising):
            demand = told.get(pool, PoolDemand())
            judged.add_metric([pool], demand.judged_total)
            within.add_metric([pool], demand.within_total)
        yield from (under_way, held, sent, refused, judged, within)
