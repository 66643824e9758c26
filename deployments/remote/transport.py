"""Where a model node's request goes: to a remote model over HTTP, to a pool over the pools' own transport."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping

from deployments.graph.meters import Meters, Unmetered
from deployments.graph.transport import Transport
from deployments.remote.model import RemoteModel
from deployments.remote.spec import RemoteSpec
from deployments.request import Context, Frame, Request


class RemoteTransport:
    """Knows the remote models by name and leaves every other name to *pools*."""

    def __init__(self, remotes: Mapping[str, RemoteModel], pools: Transport) -> None:
        self._remotes, self._pools = remotes, pools

    def stream(self, pool: str, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream one answer from the model *pool*."""
        remote = self._remotes.get(pool)
        return self._pools.stream(pool, request, context) if remote is None else remote.stream(request, context)

    def leaves(self, pool: str) -> bool:
        """Say whether the model *pool* is another server's."""
        return pool in self._remotes


class Remotes:
    """The remote models of one gateway; one keeps its connections for as long as its settings stay as they are."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, meters: Meters | None = None) -> None:
        self._clock, self._meters = clock, meters or Unmetered()
        self._models: dict[str, RemoteModel] = {}
        self._retiring: dict[RemoteModel, asyncio.Task[None]] = {}
        self._reached_until_s = float("-inf")

    def follow(self, specs: Mapping[str, RemoteSpec], *, reached_for_s: float) -> Mapping[str, RemoteModel]:
        """Return a model for each of *specs*.

        Requests may reach those that are no longer wanted for another *reached_for_s* seconds; they end after that,
        with their last call.
        """
        kept = {name: model for name, model in self._models.items() if specs.get(name) == model.spec}
        gone = [model for name, model in self._models.items() if name not in kept]
        new = {
            name: RemoteModel(name, spec, clock=self._clock, meters=self._meters)
            for name, spec in specs.items()
            if name not in kept
        }
        if self._models:
            # Requests of a graph before the last one may have longer.
            self._reached_until_s = max(self._reached_until_s, self._clock() + reached_for_s)
        for model in gone:
            self._retire(model, self._reached_until_s - self._clock())
        self._models = {**kept, **new}
        return dict(self._models)

    async def close(self) -> None:
        """Close every connection."""
        retiring = dict(self._retiring)
        for task in retiring.values():
            task.cancel()
        await asyncio.gather(*retiring.values(), return_exceptions=True)
        for model in (*retiring, *self._models.values()):
            await model.close()

    def _retire(self, model: RemoteModel, after_s: float) -> None:
        async def retire() -> None:
            await asyncio.sleep(after_s)
            await model.retire()

        self._retiring[model] = task = asyncio.get_running_loop().create_task(retire(), name="retire remote model")
        task.add_done_callback(lambda _: self._retiring.pop(model, None))
