"""What does a hedge do to the slowest first tokens? ``python -m benchmarks.hedge``.

One call in twenty to the first of two synthetic pools is held back. The same number of requests goes to that pool
directly and through a hedge, in turns; what the second pool was asked to do is the price.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from statistics import quantiles
from typing import Any

import msgspec

from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from benchmarks.spread import Spread, spread
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.surfaces import parse
from deployments.request import Context, Frame, Request

ROUNDS, REQUESTS, AT_ONCE = 5, 400, 4
HELD_BACK_S, ONE_IN = 0.8, 20
GRAPH: Mapping[str, Any] = {"hedged": {"hedge": ["first", "second"], "after": "p95", "at_most": "10%"}}
WAYS = ("first", "hedged")
STEP = {"base_ms": 10, "per_sequence_us": 50}


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """First-token times of one way in one round, in milliseconds, and the share of requests with a second call."""

    way: str
    p50_ms: float
    p95_ms: float
    p99_ms: float
    hedged_share: float


class HeldBack:
    """Reaches the engines without a transport; holds some calls to the first one back."""

    def __init__(self, engines: Mapping[str, SyntheticEngine]) -> None:
        self._engines = engines
        self.calls = dict.fromkeys(engines, 0)

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream from the engine of that name."""
        self.calls[pool] += 1
        if pool == "first" and zlib.crc32(context.call_id.encode()) % ONE_IN == 0:
            await asyncio.sleep(HELD_BACK_S)
        async with aclosing(self._engines[pool].generate(request, context)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                yield frame


async def first_token_s(gateway: Gateway, way: str, at: int) -> float:
    """Return the seconds to the first token of one request, which is read to its end."""
    said = [{"role": "user", "content": f"Question {at} of a benchmark: what does a hedge bring?"}]
    request = parse("chat", {"model": way, "messages": said, "max_tokens": 4, "stream": True})
    _, node = gateway.live.entry(way)
    context = Context(request_id=f"{way}{at}", deadline_s=gateway.clock() + 60, now=gateway.utc_now())
    began_s, first_s = gateway.clock(), 0.0
    async with aclosing(node(request, context)) as frames:  # type: ignore[type-var]
        async for frame in frames:
            if frame.tokens and not first_s:
                first_s = gateway.clock() - began_s
    return first_s


async def one_round(gateway: Gateway, reached: HeldBack, way: str, begin: int) -> Round:
    """Ask one way, a few requests at a time."""
    before, free = reached.calls["second"], asyncio.Semaphore(AT_ONCE)

    async def one(at: int) -> float:
        async with free:
            return await first_token_s(gateway, way, at)

    took = await asyncio.gather(*(one(begin + at) for at in range(REQUESTS)))
    cuts = [1000 * cut for cut in quantiles(took, n=100)]
    second = reached.calls["second"] - before
    return Round(way=way, p50_ms=cuts[49], p95_ms=cuts[94], p99_ms=cuts[98], hedged_share=second / REQUESTS)


async def run() -> list[Round]:
    """Measure both ways in turns, after a round that does not count: a hedge has to learn what is usual."""
    spec = SyntheticSpec.model_validate({"step": STEP})
    engines = {name: SyntheticEngine(name, name, f"{name}#0", spec) for name in ("first", "second")}
    models = {name: {"family": "dense"} for name in engines}
    settings = GatewaySettings.model_validate({"models": models, "graph": dict(GRAPH), "default": "hedged"})
    reached = HeldBack(engines)
    async with AsyncExitStack() as stack:
        for engine in engines.values():
            await engine.start()
            stack.push_async_callback(engine.stop)
        gateway = Gateway(settings, reached, fleet=lambda: None)
        stack.push_async_callback(gateway.close)
        rounds = []
        for turn in range(ROUNDS + 1):
            for way in WAYS if turn % 2 else reversed(WAYS):
                found = await one_round(gateway, reached, way, turn * REQUESTS)
                rounds += [found] if turn else []
    return rounds


def sheet(rounds: list[Round]) -> Sheet:
    """Return the table: medians over rounds with the least and the greatest."""

    def cell(way: str, figure: str) -> Spread:
        return spread([getattr(one, figure) for one in rounds if one.way == way])

    figures = ("p50_ms", "p95_ms", "p99_ms")
    rows = [[way, *(str(cell(way, name)) for name in figures), str(cell(way, "hedged_share"))] for way in WAYS]
    title = f"One call in {ONE_IN} held back {HELD_BACK_S:g} s, {ROUNDS} rounds of {REQUESTS} requests"
    return Sheet(title, ["asked", "p50 ms", "p95 ms", "p99 ms", "share with a second call"], rows)


def main() -> None:
    """Measure, print and keep it."""
    found = asyncio.run(run())
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "hedge.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    show_sheets([sheet(found)])


if __name__ == "__main__":
    main()
