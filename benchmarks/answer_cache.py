"""What does an answer cost that is given again? ``python -m benchmarks.answer_cache``.

The same request goes through the whole gateway application, over one synthetic engine in this process: generated each
time, found in memory, and found in the second level on disk. A synthetic engine takes time and no work, so that the CPU
saved here is the gateway's alone; what a real engine would have spent comes on top.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from starlette.types import Message

from benchmarks.graph_overhead import InProcess, check, scope
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings

TOKENS, STEP_MS = 128, 20.0
ROUNDS, GENERATED, FOUND = 5, 2, 40


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """One way to an answer of 128 tokens: medians over rounds of the process's CPU time and of the time it took."""

    way: str
    cpu_ms: float
    took_ms: float


class Bench:
    """Asks one gateway; ``new`` makes every request another."""

    def __init__(self, gateway: Gateway, *, stream: bool) -> None:
        self._gateway, self._app, self._stream, self._asked = gateway, build_app(gateway), stream, 0

    async def ask(self, *, new: bool) -> str:
        """Ask once and return what the cache had."""
        self._asked += new
        said = [{"role": "user", "content": f"Question {self._asked if new else 0}: what is a cache?"}]
        body = {"messages": said, "max_tokens": TOKENS, "stream": self._stream, "temperature": 0}
        sent = msgspec.json.encode(body)
        waiting: list[Message] = [{"type": "http.request", "body": sent, "more_body": False}]
        forever = asyncio.get_running_loop().create_future()
        got, headers = bytearray(), dict[bytes, bytes]()

        async def receive() -> Message:
            return waiting.pop() if waiting else await forever

        async def send(message: Message) -> None:
            headers.update(message.get("headers", ()))
            got.extend(message.get("body", b""))

        await self._app(scope(sent), receive, send)
        if self._stream:
            check(got.count(b'"content":" '), TOKENS)
        else:
            check(msgspec.json.decode(got)["usage"]["completion_tokens"], TOKENS)
        return headers[b"x-tercet-cache"].decode()

    def forget_memory(self) -> None:
        """Leave the second level alone with what was kept."""
        self._gateway.answers._memory._kept.clear()


async def cost(bench: Bench, way: str, count: int, *, new: bool = False, cold: bool = False) -> tuple[float, float]:
    """Return the CPU time and the time of one request, in milliseconds, over *count* of them."""
    took_s = cpu_s = 0.0
    for _ in range(count):
        if cold:
            bench.forget_memory()
        cpu_began_s, began_s = time.process_time(), time.perf_counter()
        outcome = await bench.ask(new=new)
        cpu_s, took_s = cpu_s + time.process_time() - cpu_began_s, took_s + time.perf_counter() - began_s
        if outcome != ("miss" if new else "hit"):
            raise RuntimeError(f"{way}: was a {outcome}")
    return 1000 * cpu_s / count, 1000 * took_s / count


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Gateway]:
    """Run the engine and the gateway."""
    step = {"base_ms": STEP_MS, "per_prefill_token_us": 0, "per_sequence_us": 0}
    spec = SyntheticSpec.model_validate({"step": step, "slots": 4, "output_tokens": TOKENS})
    engine = SyntheticEngine("model", "model", "model#0", spec)
    await engine.start()
    given: dict[str, Any] = {"models": {"model": {"family": "dense"}}, "graph": {"known": {"cache": "model"}}}
    settings = GatewaySettings.model_validate({**given, "default": "known"})
    gateway = Gateway(settings, InProcess(engine), fleet=lambda: None, answers=folder)
    try:
        yield gateway
    finally:
        await gateway.close()
        await engine.stop()


async def run(folder: Path, *, stream: bool) -> list[Cost]:
    """Measure the three ways, one after the other in every round."""
    ways: dict[str, tuple[int, dict[str, bool]]] = {
        "generated": (GENERATED, {"new": True}),
        "found in memory": (FOUND, {}),
        "found on disk": (FOUND, {"cold": True}),
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    async with serving(folder) as gateway:
        bench = Bench(gateway, stream=stream)
        await bench.ask(new=False)
        await gateway.answers.settled()
        for _ in range(ROUNDS):
            for way, (count, options) in ways.items():
                found[way].append(await cost(bench, way, count, **options))
    kind = "stream" if stream else "whole"
    return [
        Cost(
            way=f"{kind}, {way}", cpu_ms=median(one[0] for one in costs), took_ms=median(one[1] for one in costs)
        )
        for way, costs in found.items()
    ]  # fmt: skip


def sheet(found: list[Cost]) -> Sheet:
    """Return the table."""
    rows = []
    for at, one in enumerate(found):
        base = found[at - at % 3]
        rows.append([
            one.way, f"{one.cpu_ms:.3f} ms", f"{one.took_ms:.3f} ms",
            f"{base.cpu_ms / one.cpu_ms:.1f}", f"{base.took_ms / one.took_ms:.0f}",
        ])  # fmt: skip
    head = ["answer", "CPU", "took", "times less CPU", "times faster"]
    return Sheet(f"An answer of {TOKENS} tokens at {STEP_MS:g} ms a step", head, rows)


def main() -> None:
    """Measure, print and keep it."""
    found: list[Cost] = []
    for stream in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            found += asyncio.run(run(Path(folder), stream=stream))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "answer_cache.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    show_sheets([sheet(found)])


if __name__ == "__main__":
    main()
