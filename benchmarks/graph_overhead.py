"""What does a graph cost? ``python -m benchmarks.graph_overhead``.

The same requests go to a model directly and through six nested nodes, in turns, over one synthetic engine in this
process: once as the bare stream of frames, once through the whole gateway application. The engine's steps take no time,
so that everything measured is work around it.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from statistics import median
from typing import Any

import msgspec
from starlette.types import Message

from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from benchmarks.spread import interval, ratios, spread
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.surfaces import parse
from deployments.request import Context, Frame, Request

NESTED: Mapping[str, Any] = {
    "auto": {"switch": [{"when": {"has": "images"}, "to": "model"}, {"to": "admitted"}]},
    "admitted": {"admission": "shared", "concurrent": 4096},
    "shared": {"coalesce": "limited"},
    "limited": {"deadline": "tried", "total": 60, "first_token": 30},
    "tried": {"fallback": ["raced", "model"], "timeout": {"first_token": 10, "between_tokens": 10}},
    "raced": {"hedge": ["model", "model"], "after": 5},
}
DIRECT, THROUGH = "model", "auto"
ROUNDS, PAIRS = 9, 30
STREAMS, TOKENS = 32, 128
TTFT_GOAL_MS, THROUGHPUT_GOAL = 1.0, 0.97

Ask = Callable[[str, int], Awaitable[tuple[float, float]]]


class Overhead(msgspec.Struct, frozen=True, kw_only=True):
    """One way to ask: the time that six nodes add to a first token, and what they leave of the throughput.

    ``added_ms`` is the median over pairs with its 95 % bootstrap interval; ``ratio`` the median over rounds with the
    least and the greatest; both speeds are the medians in tokens a second.
    """

    way: str
    added_ms: float
    added_low_ms: float
    added_high_ms: float
    ratio: float
    ratio_low: float
    ratio_high: float
    direct_tok_s: float
    nested_tok_s: float
    tick_ms: float


class InProcess:
    """Reaches the one engine without any transport."""

    def __init__(self, engine: SyntheticEngine) -> None:
        self._engine = engine

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:  # noqa: ARG002
        """Stream from the engine, whichever pool it is called."""
        async with aclosing(self._engine.generate(request, context)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                yield frame


def body(model: str, tokens: int, at: int) -> dict[str, Any]:
    """Return a request whose answer could be shared, and is not, since no two are the same."""
    said = [{"role": "user", "content": f"Question {at} of a benchmark: what does a graph of nodes cost?"}]
    return {"model": model, "messages": said, "max_tokens": tokens, "stream": True, "temperature": 0}


class Bench:
    """Asks through one gateway in both ways; every request is a new one."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._app, self._asked = gateway, build_app(gateway), 0

    async def frames(self, name: str, tokens: int) -> tuple[float, float]:
        """Return the seconds to the first frame and to the last of a stream of frames."""
        self._asked += 1
        request = parse("chat", body(name, tokens, self._asked))
        _, node = self._gateway.live.entry(name)
        began_s = time.perf_counter()
        context = Context(
            request_id=f"b{self._asked}", deadline_s=self._gateway.clock() + 600, now=self._gateway.utc_now()
        )
        first_s, seen = 0.0, 0
        async with aclosing(node(request, context)) as stream:  # type: ignore[type-var]
            async for frame in stream:
                first_s = first_s or time.perf_counter() - began_s
                seen += frame.tokens
        check(seen, tokens)
        return first_s, time.perf_counter() - began_s

    async def app(self, name: str, tokens: int) -> tuple[float, float]:
        """Return the same of a call of the gateway's application, from its arrival to the bytes."""
        self._asked += 1
        sent = msgspec.json.encode(body(name, tokens, self._asked))
        waiting: list[Message] = [{"type": "http.request", "body": sent, "more_body": False}]
        forever = asyncio.get_running_loop().create_future()
        got = bytearray()
        first_s = 0.0

        async def receive() -> Message:
            return waiting.pop() if waiting else await forever

        async def send(message: Message) -> None:
            nonlocal first_s
            if message["type"] == "http.response.body":
                first_s = first_s or time.perf_counter() - began_s
                got.extend(message["body"])

        began_s = time.perf_counter()
        await self._app(scope(sent), receive, send)
        took_s = time.perf_counter() - began_s
        check(got.count(b'"content":" '), tokens)
        return first_s, took_s


def scope(sent: bytes) -> dict[str, Any]:
    """Return what an HTTP server says of a request."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(sent)).encode())]
    path = "/v1/chat/completions"
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip


def check(seen: int, wanted: int) -> None:
    """Count nothing that is not whole."""
    if seen != wanted:
        raise RuntimeError(f"{seen} of {wanted} tokens came")


async def added_ms(ask: Ask, pairs: int) -> list[float]:
    """Return, pair by pair, how much later the first token comes through the graph; who goes first changes."""
    differences = []
    for pair in range(pairs):
        firsts = {}
        for name in (DIRECT, THROUGH) if pair % 2 else (THROUGH, DIRECT):
            firsts[name], _ = await ask(name, 1)
        differences.append(1000 * (firsts[THROUGH] - firsts[DIRECT]))
    return differences


async def tok_s(ask: Ask, name: str) -> float:
    """Return the tokens a second of all streams together."""
    gc.collect()
    began_s = time.perf_counter()
    await asyncio.gather(*(ask(name, TOKENS) for _ in range(STREAMS)))
    return STREAMS * TOKENS / (time.perf_counter() - began_s)


async def measured(way: str, ask: Ask, tick_ms: float) -> Overhead:
    """Measure one way to ask, after a round that does not count."""
    for name in (DIRECT, THROUGH):
        await ask(name, TOKENS)
    added = await added_ms(ask, ROUNDS * PAIRS)
    speeds: dict[str, list[float]] = {DIRECT: [], THROUGH: []}
    for turn in range(ROUNDS):
        for name in (DIRECT, THROUGH) if turn % 2 else (THROUGH, DIRECT):
            speeds[name].append(await tok_s(ask, name))
    ratio = spread(ratios(speeds[THROUGH], speeds[DIRECT]))
    low, high = interval(added)
    return Overhead(
        way=way, added_ms=median(added), added_low_ms=low, added_high_ms=high,
        ratio=ratio.median, ratio_low=ratio.low, ratio_high=ratio.high,
        direct_tok_s=median(speeds[DIRECT]), nested_tok_s=median(speeds[THROUGH]), tick_ms=tick_ms,
    )  # fmt: skip


async def run(tick_ms: float) -> list[Overhead]:
    """Measure both ways over an engine whose step takes *tick_ms*."""
    step = {"base_ms": tick_ms, "per_prefill_token_us": 0, "per_sequence_us": 0}
    spec = SyntheticSpec.model_validate({"step": step, "slots": STREAMS, "output_tokens": TOKENS})
    engine = SyntheticEngine("model", "model", "model#0", spec)
    await engine.start()
    models = {"model": {"family": "dense"}}
    settings = GatewaySettings.model_validate({"models": models, "graph": dict(NESTED), "default": THROUGH})
    gateway = Gateway(settings, InProcess(engine), fleet=lambda: None)
    bench = Bench(gateway)
    try:
        return [await measured("frames", bench.frames, tick_ms), await measured("application", bench.app, tick_ms)]
    finally:
        await gateway.close()
        await engine.stop()


def sheet(found: Sequence[Overhead]) -> Sheet:
    """Return the table."""
    head = ["through", "step", "added to first token", "95 % interval", "throughput ratio", "direct", "six nodes"]
    rows = [
        [
            one.way, f"{one.tick_ms:g} ms", f"{one.added_ms:+.3f} ms",
            f"{one.added_low_ms:.3f}–{one.added_high_ms:.3f}",
            f"{one.ratio:.3f} ({one.ratio_low:.3f}–{one.ratio_high:.3f})",
            f"{one.direct_tok_s:,.0f} tok/s", f"{one.nested_tok_s:,.0f} tok/s",
        ]
        for one in found
    ]  # fmt: skip
    return Sheet("Six nested nodes against the model directly", head, rows)


def main() -> None:
    """Measure at full speed and at an engine's usual pace; print and keep it."""
    found = [one for tick_ms in (0.0, 20.0) for one in asyncio.run(run(tick_ms))]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "graph_overhead.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    show_sheets([sheet(found)])
    print(f"wanted: under {TTFT_GOAL_MS:g} ms, and a ratio of at least {THROUGHPUT_GOAL:g} at an engine's pace")


if __name__ == "__main__":
    main()
