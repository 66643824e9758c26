"""Replicas with synthetic engines behind real links, as far as Ray is not needed for them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from deployments.cost.lines import Sums
from deployments.cost.spending import Spending
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.pool.links import Links
from deployments.pool.listener import Listener
from deployments.pool.transport import PoolTransport
from deployments.pool.wire import Call, Load, context_of
from deployments.request import Frame
from deployments.signals import FleetView, PoolState, ReplicaPlace
from tests.deployments.pool.wired import until


class Replica:
    """One engine behind a listener; ``lived_s`` is how long it was there, by a clock that costs know nothing of."""

    def __init__(self, pool: str, name: str, spec: Mapping[str, Any]) -> None:
        self.pool, self.name = pool, name
        self.engine = SyntheticEngine(pool, pool, name, SyntheticSpec.model_validate(spec))
        self.spending = Spending(name)
        self.engine.costs.told_to(self.spending)
        self.listener = Listener(self._answer, self._load)
        self._in_flight = 0
        self._began_s = self._ended_s = 0.0

    async def start(self) -> None:
        await self.listener.start("127.0.0.1")
        self._began_s = time.perf_counter()
        await self.engine.start()

    async def stop(self) -> None:
        await self.listener.close()
        await self.engine.stop()
        self.engine.costs.settle()
        self._ended_s = time.perf_counter()

    @property
    def lived_s(self) -> float:
        return self._ended_s - self._began_s

    def _load(self, yours: int) -> Load:
        return Load(in_flight=self._in_flight, yours=yours, limit=32, kv_tokens=65_536)

    async def _answer(self, call: Call) -> AsyncGenerator[Frame]:
        self._in_flight += 1
        try:
            context = context_of(call, now_s=time.monotonic())
            async with aclosing(self.engine.generate(call.request, context)) as frames:  # type: ignore[type-var]
                async for frame in frames:
                    yield frame
        finally:
            self._in_flight -= 1


@asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[tuple[PoolTransport, Callable[[], FleetView]]]:
    """Run the replicas, and yield a transport to them with the controller's word of them."""
    async with AsyncExitStack() as started:
        for replica in replicas:
            await replica.start()
            started.push_async_callback(replica.stop)
        pools: dict[str, list[ReplicaPlace]] = {}
        for replica in replicas:
            place = ReplicaPlace(replica=replica.name, address=replica.listener.address, key=replica.listener.key)
            pools.setdefault(replica.pool, []).append(place)
        states = {
            pool: PoolState(ready=len(places), target=len(places), starting=0, replicas=tuple(places))
            for pool, places in pools.items()
        }
        view, links = FleetView(at_s=0.0, pools=states), Links()
        links.follow(view)
        started.push_async_callback(links.close)
        await until(lambda: all(len(links.of(pool)) == len(places) for pool, places in pools.items()))
        yield PoolTransport(lambda: view, links), lambda: view


def told(spending: Spending) -> dict[tuple[str, str], Sums]:
    """Return everything that is told, by kind and tenant."""
    found: dict[tuple[str, str], Sums] = {}
    while (statement := spending.statement()).lines:
        for key, sums in statement.lines:
            found.setdefault((key.kind, key.tenant), Sums()).add(sums)
        spending.acknowledged(statement.number)
    return found
