"""An engine replica's load and totals, as Prometheus series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import REGISTRY, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from deployments.signals import ReplicaSignals
from deployments.telemetry.catalogue import engines
from deployments.telemetry.catalogue.catalogue import FOREIGN
from deployments.telemetry.catalogue.series import Series
from deployments.telemetry.exposition import Family, Form, families
from deployments.telemetry.histograms import add_histogram

_GAUGES: Mapping[Series, Callable[[ReplicaSignals], float]] = {
    engines.RUNNING: lambda told: told.running,
    engines.WAITING: lambda told: told.waiting,
    engines.SLOTS: lambda told: told.slots,
    engines.KV_USED: lambda told: told.kv_used,
}
_COUNTERS: Mapping[Series, Callable[[ReplicaSignals], int]] = {
    engines.PROMPT_TOKENS: lambda told: told.prompt_tokens_total,
    engines.GENERATED_TOKENS: lambda told: told.generated_tokens_total,
    engines.PREEMPTIONS: lambda told: told.preemptions_total,
    engines.ABORTED: lambda told: told.aborted_total,
    engines.PREFIX_QUERIES: lambda told: told.prefix_queries_total,
    engines.PREFIX_HITS: lambda told: told.prefix_hits_total,
    engines.DRAFTED: lambda told: told.drafted_total,
    engines.ACCEPTED: lambda told: told.accepted_total,
}


class EngineSeries:
    """Writes what one replica exposes: its signals, and the series that the engine itself keeps in this process."""

    def __init__(self, pool: str, replica: str, signals: Callable[[], ReplicaSignals]) -> None:
        self._labels = {"pool": pool, "replica": replica}
        self._own = CollectorRegistry()
        self._own.register(EngineCollector(signals))

    def __call__(self, form: Form) -> list[Family]:
        """Return the families in one of the two forms."""
        return [*families(self._own, form), *families(REGISTRY, form, self._labels, prefix=FOREIGN)]


class EngineCollector(Collector):
    """Reads the replica's signals whenever it is scraped."""

    def __init__(self, signals: Callable[[], ReplicaSignals]) -> None:
        self._signals = signals

    def collect(self) -> Iterator[Metric]:
        """Yield load, totals and latencies under the replica's name."""
        told = self._signals()
        whose = [told.pool, told.replica]
        for series, read in _GAUGES.items():
            gauge = series.measured()
            gauge.add_metric(whose, read(told))
            yield gauge
        for series, count in _COUNTERS.items():
            counter = series.counted()
            counter.add_metric(whose, count(told))
            yield counter
        for series, taken in ((engines.TTFT, told.ttft), (engines.INTER_TOKEN, told.inter_token)):
            family = series.distributed()
            add_histogram(family, whose, taken)
            yield family
