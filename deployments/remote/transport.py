"""Where a model node's request goes: to a remote model over HTTP, to a pool over the pools' own transport."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping

from deployments.graph.background import Background
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


class Remotes:
    """The remote models of one gateway; one keeps its connections for as long as its settings stay as they are."""

    def __init__(self, background: Background, clock: Callable[[], float] = time.monotonic) -> None:
        self._background, self._clock = background, clock
        self._models: dict[str, RemoteModel] = {}

    def follow(self, specs: Mapping[str, RemoteSpec]) -> Mapping[str, RemoteModel]:
        """Return a model for each of *specs*; those that are no longer wanted end with their last call."""
        kept = {name: model for name, model in self._models.items() if specs.get(name) == model.spec}
        gone = [model for name, model in self._models.items() if name not in kept]
        new = {name: RemoteModel(name, spec, clock=self._clock) for name, spec in specs.items() if name not in kept}
        self._models = {**kept, **new}
        for model in gone:
            self._background.start(model.retire(), name="retire remote model")
        return dict(self._models)

    async def close(self) -> None:
        """Close every connection."""
        for model in self._models.values():
            await model.close()
