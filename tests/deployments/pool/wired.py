"""Replicas without engines behind real listeners on loopback, and a transport whose links lead to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from deployments.pool.links import Links
from deployments.pool.listener import Listener
from deployments.pool.transport import PoolTransport
from deployments.pool.wire import Call, Load
from deployments.request import Context, Frame, Head, Request
from deployments.signals import FleetView, PoolState, ReplicaPlace

REQUEST = Request(endpoint="chat", model="dense", body={"messages": [{"role": "user", "content": "hi"}]})
HANG = object()
LIMIT_S = 10.0


class Replica:
    """Plays one script a call, the last one again when they run out; remembers calls and how they ended."""

    def __init__(self, name: str, *scripts: list[Any], limit: int = 8, adapters: tuple[str, ...] = ()) -> None:
        self.name, self.limit, self.adapters = name, limit, adapters
        self.calls: list[Call] = []
        self.closed: list[str] = []
        self.in_flight = 0
        self._scripts = list(scripts)
        self.listener = Listener(self._answer, self._load)

    @property
    def place(self) -> ReplicaPlace:
        """What the controller would tell of it."""
        return ReplicaPlace(
            replica=self.name, address=self.listener.address, key=self.listener.key, adapters=self.adapters
        )

    def _load(self, yours: int) -> Load:
        return Load(in_flight=self.in_flight, yours=yours, limit=self.limit, kv_tokens=65_536)

    async def _answer(self, call: Call) -> AsyncGenerator[Frame]:
        self.calls.append(call)
        script = self._scripts[min(len(self.calls), len(self._scripts)) - 1]
        self.in_flight += 1
        try:
            yield Frame(data=b"", head=Head(model="dense", path=call.path, replica=self.name))
            for step in script:
                if step is HANG:
                    await asyncio.Event().wait()
                elif isinstance(step, BaseException):
                    raise step
                else:
                    yield Frame(data=step, text=step.decode(), tokens=1)
        finally:
            self.in_flight -= 1
            self.closed.append(call.request_id)


class Wired:
    """A transport and the replicas that it reaches; ``view`` is what the controller says."""

    def __init__(self, *replicas: Replica, view: FleetView | None) -> None:
        self.replicas, self.view, self.links = replicas, view, Links()
        self.transport = PoolTransport(lambda: self.view, self.links, pause=no_wait)

    def stream(self, request: Request = REQUEST, *, request_id: str = "r", **headers: str) -> AsyncGenerator[Frame]:
        """Stream one answer of the pool."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.transport.stream("dense", request, context(request_id, headers=named))

    async def answer(self, request: Request = REQUEST, **more: Any) -> bytes:
        """Return a whole answer's bytes."""
        async with asyncio.timeout(LIMIT_S):
            return b"".join([frame.data async for frame in self.stream(request, **more)])


@asynccontextmanager
async def wired(*replicas: Replica, ready: int | None = None, starting: int = 0) -> AsyncIterator[Wired]:
    """Listen, connect, and take everything down again."""
    for replica in replicas:
        await replica.listener.start("127.0.0.1")
    places = tuple(replica.place for replica in replicas)
    state = PoolState(
        ready=len(replicas) if ready is None else ready, target=len(replicas), starting=starting, replicas=places
    )
    one = Wired(*replicas, view=FleetView(at_s=0.0, pools={"dense": state}))
    assert one.view is not None
    one.links.follow(one.view)
    try:
        await until(lambda: len(one.links.of("dense")) == sum(replica.limit > 0 for replica in replicas))
        yield one
    finally:
        await one.links.close()
        for replica in replicas:
            await replica.listener.close()


def context(request_id: str = "r", *, headers: dict[str, str] | None = None, deadline_s: float = 1e12) -> Context:
    """Return the context of a request."""
    return Context(
        request_id=request_id, deadline_s=deadline_s, now=datetime(2026, 1, 1, tzinfo=UTC), headers=headers or {}
    )


async def until(condition: Callable[[], Any]) -> None:
    """Wait until *condition* holds; fails after ten seconds."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - what is watched lies across a connection
            await asyncio.sleep(0.01)


async def no_wait(_: float) -> None:
    """Pause for no time."""
