"""A whole gateway over synthetic engines that fail on demand, in leapt time, and clients that keep what they got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from deployments.canary import CanaryStage, stage_of
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed, NoReplica
from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.graph.spec import parse_graph
from deployments.nodes.canary.spec import CanarySpec
from deployments.request import Context, Frame, Request
from deployments.signals import FleetView, PoolState

POOLS = ("dense", "moe", "distilled")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FOREVER_S = 1e6

Fault = Literal["none", "refuse", "slow", "stall", "die", "garbage", "crash", "overload"]
# How many frames a stalled or dying stream has brought before; of an answer that comes whole, only the head.
SAID = 3
SLOW_S = 4.0


@dataclass(slots=True)
class Pool:
    """One engine and what goes wrong with its calls: the first fault with the first call, the last with all later."""

    engine: SyntheticEngine
    faults: Sequence[Fault]
    calls: int = 0
    open: int = 0

    def fault(self) -> Fault:
        self.calls += 1
        return self.faults[min(self.calls, len(self.faults)) - 1]


class World:
    """The transport to the pools."""

    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self.pools = pools

    @property
    def open(self) -> int:
        """Count the calls under way."""
        return sum(pool.open for pool in self.pools.values())

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the engine's answer as far as the call's fault lets it."""
        here = self.pools[pool]
        fault = here.fault()
        here.open += 1
        try:
            await before(fault, pool)
            said = 0
            async with aclosing(here.engine.generate(request, context)) as frames:  # type: ignore[type-var]
                async for frame in frames:
                    yield Frame(data=b"\xff no event", head=frame.head) if fault == "garbage" else frame
                    said += 1
                    if said >= (SAID if request.stream else 1):
                        await during(fault, pool)
        finally:
            here.open -= 1


async def before(fault: Fault, pool: str) -> None:
    """Do what goes wrong before the engine is asked."""
    if fault == "refuse":
        raise NoReplica(f"{pool} has no replica", retry_after_s=2.0)
    if fault == "slow":
        await asyncio.sleep(SLOW_S)


async def during(fault: Fault, pool: str) -> None:
    """Do what goes wrong in the middle of an answer."""
    if fault == "stall":
        await asyncio.sleep(FOREVER_S)
    elif fault == "die":
        raise EngineFailed(f"{pool} died")
    elif fault == "crash":
        raise ValueError("a fault in the code")


@asynccontextmanager
async def running(faults: Mapping[str, Sequence[Fault]], **spec: Any) -> AsyncIterator[World]:
    """Run one synthetic engine a pool; one that is overloaded is busy for *SLOW_S* with other requests."""
    loop = asyncio.get_running_loop()
    pools = {}
    for name in POOLS:
        given = faults.get(name, ("none",))
        busy = "overload" in given
        settings = SyntheticSpec.model_validate({"output_tokens": 8, "slots": 1 if busy else 16, **spec})
        engine = SyntheticEngine(
            name, name, f"{name}#0", settings, clock=loop.time, wall=lambda: 0.0, stall_s=FOREVER_S
        )  # fmt: skip
        await engine.start()
        pools[name] = Pool(engine, given)
    world = World(pools)
    crowd = [asyncio.create_task(occupy(pool)) for pool in pools.values() if "overload" in pool.faults]
    await asyncio.sleep(0)
    try:
        yield world
    finally:
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        for pool in pools.values():
            await pool.engine.stop()


async def occupy(pool: Pool) -> None:
    """Keep the engine's one slot for about *SLOW_S*."""
    body = {"messages": [{"role": "user", "content": "busy"}], "max_tokens": 190, "ignore_eos": True}
    context = Context(request_id="crowd", deadline_s=FOREVER_S, now=NOON)
    async for _ in pool.engine.generate(Request(endpoint="chat", model="", body=body), context):
        pass


@dataclass(slots=True)
class Told:
    """What one client was sent, and when; times are in seconds since it asked."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    starts: int = 0
    ends: int = 0
    late: int = 0
    took_s: float = 0.0
    left: bool = False

    def take(self, message: Mapping[str, Any]) -> None:
        if self.ends:
            self.late += 1
        elif message["type"] == "http.response.start":
            self.starts += 1
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self.ends += not message.get("more_body", False)

    @property
    def streamed(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    def events(self) -> list[Any]:
        """Return the stream's events, decoded; the closing mark as text."""
        lines = [line.removeprefix(b"data: ") for line in self.body.split(b"\n\n") if line.startswith(b"data: ")]
        return ["[DONE]" if line == b"[DONE]" else msgspec.json.decode(line) for line in lines]

    def terminals(self) -> list[str]:
        """Return how a stream, or a whole answer, ended: ``ok`` or an error's code, once for each that it says."""
        if not self.streamed:
            body = msgspec.json.decode(self.body) if self.body.startswith(b"{") else {}
            return [body["error"]["code"] if "error" in body else "ok"]
        return [
            "ok" if one == "[DONE]" else one["error"]["code"]
            for one in self.events() if one == "[DONE]" or "error" in one
        ]  # fmt: skip

    def words(self) -> int:
        """Count the tokens that the client can see: a synthetic engine's tokens are words."""
        bodies = self.events() if self.streamed else [msgspec.json.decode(self.body)]
        choices = [choice for body in bodies if isinstance(body, dict) for choice in body.get("choices", ())]
        texts = [(one.get("delta") or one.get("message") or one).get("content", one.get("text")) for one in choices]
        return sum(len((text or "").split()) for text in texts)

    def usage(self) -> int | None:
        """Return the completion tokens that the client was told; None where it was told none."""
        bodies = self.events() if self.streamed else [msgspec.json.decode(self.body)]
        told = [body["usage"]["completion_tokens"] for body in bodies if isinstance(body, dict) and body.get("usage")]
        return told[-1] if told else None


def canaries(graph: Mapping[str, Any], stage: int) -> Iterator[tuple[str, CanaryStage]]:
    """Yield what the controller would say of each canary in its stage number *stage*."""
    for name, spec in parse_graph(graph).items():
        if isinstance(spec, CanarySpec):
            yield spec.id(name), stage_of(name, spec.shares(), min(stage, len(spec.stages) - 1), "running", 0)


def gateway(
    world: World,
    graph: Mapping[str, Any],
    *,
    timeout_s: float = 60.0,
    stage: int = 0,
    brown_out: Mapping[str, float] | None = None,
) -> Gateway:
    """Return a gateway on the loop's clock; all canaries are in their stage number *stage*, *brown_out* are shares."""
    settings = GatewaySettings.model_validate({
        "models": {name: {"family": name} for name in POOLS},
        "graph": graph,
        "default": "dense",
        "request_timeout": timeout_s,
    })  # fmt: skip
    clock = asyncio.get_running_loop().time
    pools = {name: PoolState(ready=1, target=1, starting=0) for name in POOLS}
    stages = dict(canaries(graph, stage))
    view = FleetView(at_s=0.0, pools=pools, canaries=stages, brown_out=brown_out or {})
    return Gateway(settings, world, fleet=lambda: view, clock=clock, utc_now=lambda: NOON)


async def call(
    served: Gateway,
    body: Mapping[str, Any],
    *,
    path: str = "/v1/chat/completions",
    headers: Mapping[str, str] | None = None,
    leaves_after_s: float | None = None,
) -> Told:
    """Send one request to the application as a server would, and leave early where a time is given."""
    loop, told = asyncio.get_running_loop(), Told()
    began_s, gone, sent = loop.time(), asyncio.Event(), msgspec.json.encode(body)
    pending: list[dict[str, Any]] = [{"type": "http.request", "body": sent, "more_body": False}]
    named = {"content-type": "application/json", "content-length": str(len(sent)), **(headers or {})}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        if pending:
            return pending.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if not told.left:
            told.take(message)

    def leave() -> None:
        told.left = not told.ends
        gone.set()

    timer = None if leaves_after_s is None else loop.call_later(leaves_after_s, leave)
    try:
        await build_app(served)(scope, receive, send)
    finally:
        if timer is not None:
            timer.cancel()
    told.took_s = loop.time() - began_s
    return told
