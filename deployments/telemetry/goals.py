"""The goals of a cluster as one gateway counts them, as Prometheus series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from deployments.signals import GoalCounts
from deployments.telemetry.catalogue.requests import GOAL_MISSED, GOAL_REQUESTS


class GoalCollector(Collector):
    """Reads the counts whenever it is scraped; a goal is there from the beginning."""

    def __init__(self, read: Callable[[], Mapping[str, GoalCounts]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield what counted, and what of it was missed."""
        judged, missed = GOAL_REQUESTS.counted(), GOAL_MISSED.counted()
        for goal, counts in self._read().items():
            judged.add_metric([goal], counts.judged)
            missed.add_metric([goal], counts.missed)
        yield from (judged, missed)
