"""What ``GET /metrics`` answers: this gateway's series, those of every other process, and the fleet's, once each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from deployments.signals import FleetView, GatewayPlace
from deployments.telemetry.cluster_scrape import Gather, alone, whole
from deployments.telemetry.exposition import Family, Form, families
from deployments.telemetry.metrics import Metrics


class Exposition:
    """One gateway's part in it; ``place`` is where others fetch that, ``gather`` fetches theirs.

    ``siblings`` fetches those of the other gateways alone.
    ``fleet`` returns the fleet controller's last word, None before the first.
    """

    def __init__(self, name: str, metrics: Metrics, fleet: Callable[[], FleetView | None]) -> None:
        self.place = GatewayPlace(gateway=name, address="")
        self.gather: Gather = alone
        self.siblings: Gather = alone
        self._metrics, self._fleet = metrics, fleet
        self._labels = {"gateway": name}
        self._under_way: dict[tuple[Form, str], asyncio.Task[bytes]] = {}

    def own(self, form: Form) -> list[Family]:
        """Write this gateway's series under its name; any thread may."""
        registries = [self._metrics.registry, *([self._metrics.gen_ai.registry] if self._metrics.gen_ai.on else [])]
        return [family for registry in registries for family in families(registry, form, self._labels)]

    async def whole(self, form: Form, node: str = "") -> bytes:
        """Return the exposition of the cluster, or of the processes on the machine *node* alone.

        Who asks while the same is being fetched is given that: a hundred scrapers cost no more than one.
        """
        key = (form, node)
        if (task := self._under_way.get(key)) is None:
            task = self._under_way[key] = asyncio.create_task(self._fetched(form, node), name="exposition")
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def samples(self, names: frozenset[str]) -> list[Sample]:
        """Return the samples of these names that all gateways have, each with the label of its gateway."""
        gathered = await self.siblings("text")
        return await asyncio.to_thread(self._picked, names, gathered.parts)

    def _picked(self, names: frozenset[str], parts: Iterable[list[Family]]) -> list[Sample]:
        own = self._metrics.registry.restricted_registry(names).collect()
        found = [one._replace(labels={**one.labels, **self._labels}) for metric in own for one in metric.samples]
        beginnings = tuple(names)
        for family in (family for part in parts for family in part):
            if any(name.startswith(family.name) for name in beginnings):
                text = (family.comments + family.lines).decode()
                told = (one for metric in text_string_to_metric_families(text) for one in metric.samples)
                found += [one for one in told if one.name in names]
        return found

    async def _fetched(self, form: Form, node: str) -> bytes:
        here = not node or node == self.place.address.rpartition(":")[0]
        own = await asyncio.to_thread(self.own, form) if here else None
        view = self._fleet()
        known = not node or (view is not None and view.node == node)
        fleet = families(self._metrics.fleet, form) if known else []
        return await whole(own, fleet, self.gather, form, node)
