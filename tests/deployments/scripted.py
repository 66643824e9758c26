"""Pools that do exactly what a test says, and remember what happened to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deployments.graph.compile import compile_graph
from deployments.graph.node import Node
from deployments.graph.spec import parse_graph
from deployments.graph.wiring import Wiring
from deployments.request import Context, Frame, Head, Request
from deployments.telemetry.demand import Demand

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Hang:
    """A pool that says nothing more."""


class Pause:
    """A pool that is silent for some seconds of the loop's time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


Act = bytes | Frame | BaseException | Hang | Pause


class Scripted:
    """A transport whose pools play scripts; ``log`` tells what was opened and closed, in order."""

    def __init__(self, pools: Mapping[str, Sequence[Act]]) -> None:
        self._pools = pools
        self.log: list[str] = []
        self.seen: list[tuple[Request, Context]] = []

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Play the pool's script."""
        self.log.append(f"open {pool}")
        self.seen.append((request, context))
        head: Head | None = Head(model=pool, path=context.path, replica=f"{pool}#0", engine_ttft_s=0.001)
        try:
            for act in self._pools[pool]:
                if isinstance(act, BaseException):
                    raise act
                if isinstance(act, Frame):
                    yield act
                elif isinstance(act, bytes):
                    yield Frame(data=act, text=act.decode(), tokens=1 if act else 0, head=head)
                    head = None
                else:
                    await (asyncio.sleep(act.seconds) if isinstance(act, Pause) else asyncio.Event().wait())
        finally:
            self.log.append(f"close {pool}")


def chat(prompt: str = "hi", **more: Any) -> Request:
    """Return a chat request of one user message."""
    body = {"messages": [{"role": "user", "content": prompt}], **more}
    return Request(endpoint="chat", model=more.get("model", ""), body=body, stream=bool(more.get("stream")))


def context(**changed: Any) -> Context:
    """Return a context at noon UTC whose deadline is far away."""
    return Context(**{"request_id": "r1", "deadline_s": 1e9, "now": NOON, **changed})


def compiled(
    graph: Mapping[str, Any], transport: Scripted, models: Sequence[str] = ("dense", "moe", "distilled"), **more: Any
) -> Mapping[str, Node]:
    """Compile a graph as it is written in YAML."""
    demand = more.pop("demand", None) or Demand(lambda: asyncio.get_running_loop().time())
    surroundings = Wiring(**{"clock": lambda: asyncio.get_running_loop().time(), **more})
    return compile_graph(parse_graph(graph), models, transport, demand=demand, surroundings=surroundings)


async def collect(node: Node, request: Request | None = None, ctx: Context | None = None) -> list[Frame]:
    """Return every frame that *node* answers with."""
    return [frame async for frame in node(request or chat(), ctx or context())]
