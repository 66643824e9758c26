"""One exposition of the whole cluster, by the gateway that is asked for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from deployments.telemetry.catalogue.exposition import PROCESSES
from deployments.telemetry.exposition import Family, Form, families, joined


class Gathered:
    """What the processes that were asked have told."""

    def __init__(self) -> None:
        self.parts: list[list[Family]] = []
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, told: list[Family] | None) -> None:
        """Take what a process told, None being that it did not answer."""
        self.counts[kind, "missing" if told is None else "told"] += 1
        if told is not None:
            self.parts.append(told)


class Gather(Protocol):
    """Fetches the series of all other processes, or of those on the machine *node*."""

    def __call__(self, form: Form, node: str = "") -> Awaitable[Gathered]: ...


async def alone(form: Form, node: str = "") -> Gathered:  # noqa: ARG001 - a gateway of no cluster
    """Know no other process."""
    return Gathered()


async def whole(own: list[Family] | None, fleet: Iterable[Family], gather: Gather, form: Form, node: str = "") -> bytes:
    """Return the exposition of the processes on *node*, "" being all: *own* series, those of the others, the *fleet*'s.

    *own* is None where the asked gateway is on another machine.
    """
    gathered = await gather(form, node)
    if own is not None:
        gathered.add("gateway", own)
    registry = CollectorRegistry()
    registry.register(_Processes(gathered.counts))
    return joined([*gathered.parts, fleet, families(registry, form)], form)


class _Processes(Collector):
    """How many processes have told their series."""

    def __init__(self, counts: Counter[tuple[str, str]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        family = PROCESSES.measured()
        for kind in ("gateway", "replica"):
            for outcome in ("told", "missing"):
                family.add_metric([kind, outcome], self._counts[kind, outcome])
        yield family
