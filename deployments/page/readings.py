"""What gateways have counted on the edges of their graph, read off their samples. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from deployments.nodes.fallback.chain import BUDGET_SPENT
from deployments.telemetry.catalogue.graph import ANSWER_FIRST_TOKEN, EDGE_FIRST_TOKEN, EDGES
from deployments.telemetry.catalogue.requests import REQUESTS, TTFT

CLIENTS = ""
_HISTOGRAMS = {f"{one.name}_bucket": one for one in (ANSWER_FIRST_TOKEN, EDGE_FIRST_TOKEN, TTFT)}
NAMES = frozenset({EDGES.sample, REQUESTS.sample, *_HISTOGRAMS})

Edge = tuple[str, str]
Buckets = tuple[tuple[float, float], ...]


class Told(Protocol):
    """One sample of an exposition."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> dict[str, str]: ...

    @property
    def value(self) -> float: ...


@dataclass(slots=True, kw_only=True)
class Counts:
    """One edge at one gateway since that began.

    ``outcomes`` counts hand-overs by how they ended; ``answers`` and ``calls`` are cumulative counts by upper bound in
    seconds: of answers that came over the edge from their arrival, and of calls from the hand-over.
    """

    outcomes: dict[str, float] = field(default_factory=dict)
    answers: dict[float, float] = field(default_factory=dict)
    calls: dict[float, float] = field(default_factory=dict)


Reading = Mapping[str, Mapping[Edge, Counts]]


def read(samples: Iterable[Told], own: str = "") -> Reading:
    """Return the counts by gateway and edge; requests as they come in are edges from the clients.

    The gateway *own* is known to have counted, if only nothing.
    """
    found: dict[str, dict[Edge, Counts]] = defaultdict(lambda: defaultdict(Counts))
    if own:
        found[own].clear()
    for sample in samples:
        labels = sample.labels
        edges = found[labels.get("gateway", "")]
        if sample.name == EDGES.sample:
            if labels["outcome"] != BUDGET_SPENT:  # which tells of a target that was handed nothing
                _add(edges[labels["node"], labels["target"]].outcomes, labels["outcome"], sample.value)
        elif sample.name == REQUESTS.sample:
            _add(edges[CLIENTS, labels["entry"]].outcomes, labels["outcome"], sample.value)
        elif (series := _HISTOGRAMS.get(sample.name)) is not None:
            edge = (CLIENTS, labels["entry"]) if series is TTFT else (labels["node"], labels["target"])
            counts = edges[edge]
            into = counts.calls if series is EDGE_FIRST_TOKEN else counts.answers
            into[float(labels["le"])] = into.get(float(labels["le"]), 0.0) + sample.value
    return {gateway: dict(edges) for gateway, edges in found.items()}


def _add(into: dict[str, float], key: str, value: float) -> None:
    into[key] = into.get(key, 0.0) + value
