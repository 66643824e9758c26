"""Gateways for tests: over synthetic engines or scripted pools, called in memory or through a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.graph.transport import Transport
from deployments.request import Context, Frame, Request
from deployments.signals import FleetView, PoolState

POOLS = ("dense", "moe", "distilled")
POOLING = "embed"
CODE = "Write a Python function that merges two sorted lists"
GRAPH: dict[str, Any] = {
    "auto": {"switch": [{"when": {"complexity": {"below": 0.35}}, "to": "quick"}, {"to": "careful"}]},
    "quick": {"fallback": ["distilled", "dense"]},
    "careful": {"fallback": ["dense", "moe"], "timeout": {"first_token": 5}},
}


class EngineTransport:
    """Reaches one synthetic engine a pool, in this process."""

    def __init__(self, engines: Mapping[str, SyntheticEngine]) -> None:
        self.engines = engines

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream from the pool's engine."""
        async with aclosing(self.engines[pool].generate(request, context)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                yield frame


def settings(**changed: Any) -> GatewaySettings:
    """Return settings of the trio behind ``auto``."""
    models = {name: {"family": name} for name in POOLS}
    return GatewaySettings.model_validate({"models": models, "graph": GRAPH, "default": "auto", **changed})


def with_pooling(**changed: Any) -> dict[str, Any]:
    """Return changes to the settings that add a pooling pool, and a graph node that leads to it."""
    models = {**{name: {"family": name} for name in POOLS}, POOLING: {"family": "pooling"}}
    return {"models": models, "graph": {**GRAPH, "vectors": {"fallback": [POOLING]}}, **changed}


def fleet(**ready: int) -> FleetView:
    """Return a view in which every pool has one ready replica, or as many as is said."""
    counts = {**dict.fromkeys(POOLS, 1), **ready}
    return FleetView(
        at_s=0.0, pools={name: PoolState(ready=count, target=1, starting=0) for name, count in counts.items()}
    )


def gateway(transport: Transport, view: Callable[[], FleetView | None] = fleet, **changed: Any) -> Gateway:
    """Return a gateway over *transport*; ``folder`` is where it may keep records."""
    folder = changed.pop("folder", None)
    return Gateway(settings(**changed), transport, name="test", fleet=view, records=folder)


def client(served: Gateway) -> httpx.AsyncClient:
    """Return a client that calls the application in memory; it sees a stream only once it is over."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(served)), base_url="http://gateway")


@asynccontextmanager
async def engines(**specs: SyntheticSpec) -> AsyncIterator[EngineTransport]:
    """Run one synthetic engine a pool, the pooling one included."""
    quick = SyntheticSpec.model_validate({"step": {"base_ms": 0, "per_sequence_us": 0, "per_prefill_token_us": 0}})
    running = {
        name: SyntheticEngine(name, name, f"{name}#0", specs.get(name, quick), pooling=name == POOLING)
        for name in (*POOLS, POOLING)
    }
    for engine in running.values():
        await engine.start()
    try:
        yield EngineTransport(running)
    finally:
        for engine in running.values():
            await engine.stop()


@asynccontextmanager
async def listening(served: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Serve on a free loopback port and yield a client of it."""
    async with listening_on(build_app(served)) as calls:
        yield calls


@asynccontextmanager
async def listening_on(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Serve *app* on a free loopback port and yield a client of it."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as calls:
            yield calls
    finally:
        server.should_exit = True
        await serving


async def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait until *true* holds."""
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s, "did not come true in time"
        await asyncio.sleep(0.005)


def ask(prompt: str = "hi there", **more: Any) -> dict[str, Any]:
    """Return a chat body of one user message."""
    return {"messages": [{"role": "user", "content": prompt}], **more}
