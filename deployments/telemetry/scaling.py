"""What the control loop does, as Prometheus series."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from deployments.signals import FleetView, Histogram, Scaling
from deployments.telemetry.catalogue import scaling as series
from deployments.telemetry.histograms import add_histogram


class ScalingCollector(Collector):
    """Reads the fleet controller's last word whenever it is scraped; nothing before the first.

    Every gateway knows the same, and the one that is scraped tells it for all. One that no longer hears of the
    controller, as ``heard`` says, tells the age alone: what others count on it would count again. ``wall`` is Unix time
    in seconds.
    """

    def __init__(
        self,
        fleet: Callable[[], FleetView | None],
        wall: Callable[[], float] = time.time,
        heard: Callable[[], bool] = lambda: True,
    ) -> None:
        self._fleet, self._wall, self._heard = fleet, wall, heard

    def collect(self) -> Iterator[Metric]:
        """Yield the pools' sizes, then what the loop has done."""
        view = self._fleet()
        if view is not None:
            age = series.AGE.measured()
            age.add_metric([], max(0.0, self._wall() - view.at_s))
            yield age
        if view is not None and self._heard():
            yield from _pools(view)
            if view.scaling is not None:
                yield from _loop(view.scaling, view.pools)


def _pools(view: FleetView) -> Iterator[Metric]:
    target, ready, starting = series.TARGET.measured(), series.READY.measured(), series.STARTING.measured()
    parked, moved, start = series.PARKED.measured(), series.BROWN_OUT.measured(), series.COLD_START.measured()
    late = series.STARTING_FOR.measured()
    for name, pool in view.pools.items():
        target.add_metric([name], pool.target)
        ready.add_metric([name], pool.ready)
        starting.add_metric([name], pool.starting)
        parked.add_metric([name], len(pool.parked))
        moved.add_metric([name], view.brown_out.get(name, 0.0))
        if pool.cold_start_s is not None:
            start.add_metric([name], pool.cold_start_s)
        if pool.starting_for_s is not None:
            late.add_metric([name], pool.starting_for_s)
    yield from (target, ready, starting, parked, moved, start, late)


def _loop(done: Scaling, pools: Iterable[str]) -> Iterator[Metric]:
    decisions = series.DECISIONS.counted()
    for pool, counts in done.decisions.items():
        for direction, count in zip(("up", "down"), counts, strict=True):
            decisions.add_metric([pool, direction], count)
    proposed = series.PROPOSED.measured()
    for pool in pools:
        proposed.add_metric([pool], pool in done.proposed)
    pinned = series.PINNED.measured()
    for pool in pools:
        pinned.add_metric([pool], pool in done.pinned)
    yield from (decisions, proposed, pinned)
    for errors, count in ((series.POLICY_ERRORS, done.policy_errors), (series.SERVE_ERRORS, done.serve_errors)):
        family = errors.counted()
        family.add_metric([], count)
        yield family
    yield _seconds(done.decide)


def _seconds(taken: Histogram) -> Metric:
    family = series.DECISION_SECONDS.distributed()
    add_histogram(family, [], taken)
    return family
