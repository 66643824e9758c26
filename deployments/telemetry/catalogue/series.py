"""What one metric of the product is, and the Prometheus objects that it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

Kind = Literal["counter", "gauge", "histogram"]
Teller = Literal["gateway", "controller", "replica"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric: ``name`` is its family's, ``unit`` in words, ``labels`` are explained in ``labels.py``.

    A ``gateway`` or a ``replica`` tells its own, under its own name; what the ``controller`` says is there once for the
    whole cluster. One that is ``optional`` is there where the configuration asks for it.
    """

    name: str
    kind: Kind
    text: str
    unit: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    told_by: Teller = "gateway"
    optional: bool = False

    @property
    def sample(self) -> str:
        """Return the name that queries use; of a histogram it is the beginning of three."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    @property
    def whole_labels(self) -> tuple[str, ...]:
        """Return the labels in the exposition of a cluster, which say whose the figure is."""
        own = {"gateway": ("gateway",), "controller": (), "replica": ("pool", "replica")}[self.told_by]
        return (*own, *(label for label in self.labels if label not in own))

    def counter(self, registry: CollectorRegistry) -> Counter:
        """Return the counter, registered."""
        return Counter(self.name, self.text, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """Return the gauge, registered."""
        return Gauge(self.name, self.text, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """Return the histogram, registered."""
        return Histogram(self.name, self.text, self.labels, buckets=self.bounds, registry=registry)

    def counted(self) -> CounterMetricFamily:
        """Return an empty family of counters, for what is counted elsewhere."""
        return CounterMetricFamily(self.name, self.text, labels=self.labels)

    def measured(self) -> GaugeMetricFamily:
        """Return an empty family of gauges, for what is known elsewhere."""
        return GaugeMetricFamily(self.name, self.text, labels=self.labels)

    def distributed(self) -> HistogramMetricFamily:
        """Return an empty family of histograms, for what is sorted into buckets elsewhere."""
        return HistogramMetricFamily(self.name, self.text, labels=self.labels)
