"""The exposition of a cluster: each process writes its own lines under its own name, whoever is asked sorts them.

Writing is the dear part of a scrape, and so it is done where the figures are; families of many processes are put
together without looking into their lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec
from prometheus_client import exposition as plain
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample

Form = Literal["text", "openmetrics"]
CONTENT_TYPES: Mapping[Form, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
_END = b"# EOF\n"


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One family of one process: the comments that go before it, and its lines."""

    name: str
    comments: bytes
    lines: bytes


def form_of(accept: str) -> Form:
    """Return the form that a scraper asks for; exemplars are only in OpenMetrics."""
    return "openmetrics" if "application/openmetrics-text" in accept else "text"


def families(
    registry: CollectorRegistry, form: Form, labels: Mapping[str, str] | None = None, *, prefix: str = ""
) -> list[Family]:
    """Write what *registry* has, with *labels* on every line; only the families whose names begin with *prefix*."""
    found = (metric for metric in registry.collect() if metric.name.startswith(prefix))
    return [_written(metric, form, labels or {}) for metric in found]


def joined(parts: Iterable[Iterable[Family]], form: Form) -> bytes:
    """Return one exposition of many processes: each family once, by name, with the lines of all."""
    comments: dict[str, bytes] = {}
    lines: dict[str, list[bytes]] = {}
    for part in parts:
        for family in part:
            comments.setdefault(family.name, family.comments)
            lines.setdefault(family.name, []).append(family.lines)
    body = b"".join(comments[name] + b"".join(lines[name]) for name in sorted(lines))
    return body + _END if form == "openmetrics" else body


def _written(metric: Metric, form: Form, labels: Mapping[str, str]) -> Family:
    told = Metric(metric.name, metric.documentation, metric.type, metric.unit)
    told.samples = list(_labelled(metric.samples, labels))
    one = _One(told)
    text: bytes = openmetrics.generate_latest(one) if form == "openmetrics" else plain.generate_latest(one)  # type: ignore[no-untyped-call]
    cut = 0
    while text.startswith(b"# ", cut) and not text.startswith(_END, cut):
        cut = text.index(b"\n", cut) + 1
    return Family(metric.name, text[:cut], text[cut:].removesuffix(_END))


def _labelled(samples: Iterable[Sample], labels: Mapping[str, str]) -> Iterator[Sample]:
    """Yield *samples* with *labels*, without the times that series were created at: twice the lines for nothing."""
    for sample in samples:
        if not sample.name.endswith("_created"):
            yield sample._replace(labels={**sample.labels, **labels})


class _One(Collector):
    """A registry of one metric."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric
