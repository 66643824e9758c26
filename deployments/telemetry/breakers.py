"""The state of each target's circuit breaker, as a Prometheus gauge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from deployments.graph.breaker import Breaker, State
from deployments.nodes.attempt import BREAKER
from deployments.telemetry.catalogue.graph import BREAKERS

_LEVELS: Mapping[State, int] = {"closed": 0, "half_open": 1, "open": 2}


class BreakerCollector(Collector):
    """Reads what nodes remember of their targets whenever it is scraped; *memory* is that of the graph's wiring."""

    def __init__(self, memory: Mapping[str, object], clock: Callable[[], float]) -> None:
        self._memory, self._clock = memory, clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one gauge by target."""
        family = BREAKERS.measured()
        # A scrape may run beside requests, in a thread of its own.
        for name, kept in tuple(self._memory.items()):
            if isinstance(kept, Breaker):
                family.add_metric([name.removeprefix(BREAKER)], _LEVELS[kept.state(self._clock())])
        yield family
