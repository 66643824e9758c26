"""What does the audit trail cost? ``python -m benchmarks.audit_latency [FOLDER]``.

Streams of a synthetic engine go through the whole gateway application with the trail and without, in turns: one at a
time, and many at once, which share writes to the disk. The records go to FOLDER, by default the current one's disk.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles

import msgspec
from starlette.types import ASGIApp, Message

from benchmarks.graph_overhead import InProcess, check, scope
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings

TOKENS, STEP_MS = 16, 5.0
AT_ONCE = (1, 16, 64)
ROUNDS = 5


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the trail adds with so many streams at once, in milliseconds; ``together`` are the records of one write."""

    at_once: int
    first_token_ms: float
    end_p50_ms: float
    end_p95_ms: float
    throughput: float
    together: float


async def stream(app: ASGIApp, at: int) -> tuple[float, float]:
    """Return the seconds to the first byte and to the last of one stream."""
    said = [{"role": "user", "content": f"Question {at}"}]
    sent = msgspec.json.encode({"messages": said, "max_tokens": TOKENS, "stream": True})
    waiting: list[Message] = [{"type": "http.request", "body": sent, "more_body": False}]
    forever = asyncio.get_running_loop().create_future()
    got, first_s = bytearray(), 0.0

    async def receive() -> Message:
        return waiting.pop() if waiting else await forever

    async def send(message: Message) -> None:
        nonlocal first_s
        if message["type"] == "http.response.body":
            first_s = first_s or time.perf_counter() - began_s
            got.extend(message["body"])

    began_s = time.perf_counter()
    await app(scope(sent), receive, send)
    check(got.count(b'"content":" '), TOKENS)
    return first_s, time.perf_counter() - began_s


@asynccontextmanager
async def serving(folder: Path | None) -> AsyncIterator[Gateway]:
    """Run an engine and a gateway, with the trail in *folder* or without."""
    step = {"base_ms": STEP_MS, "per_prefill_token_us": 0, "per_sequence_us": 0}
    spec = SyntheticSpec.model_validate({"step": step, "slots": max(AT_ONCE), "output_tokens": TOKENS})
    engine = SyntheticEngine("model", "model", "model#0", spec)
    await engine.start()
    given = {"models": {"model": {"family": "dense"}}, "default": "model", "audit": folder is not None}
    gateway = Gateway(GatewaySettings.model_validate(given), InProcess(engine), fleet=lambda: None, audit=folder)
    try:
        yield gateway
    finally:
        await gateway.close()
        await engine.stop()


async def run(folder: Path) -> list[Cost]:
    """Measure every number of streams at once, with and without in turns."""
    async with serving(None) as bare, serving(folder) as kept:
        apps: dict[str, ASGIApp] = {"bare": build_app(bare), "kept": build_app(kept)}
        for app in apps.values():
            await stream(app, 0)
        return [await cost(apps, kept, at_once) for at_once in AT_ONCE]


async def cost(apps: dict[str, ASGIApp], kept: Gateway, at_once: int) -> Cost:
    """Return what the trail adds to *at_once* streams that begin together."""
    firsts: dict[str, list[float]] = {name: [] for name in apps}
    ends: dict[str, list[float]] = {name: [] for name in apps}
    took: dict[str, float] = dict.fromkeys(apps, 0.0)
    before = commits(kept)
    for turn in range(ROUNDS * 3):
        for name, app in apps.items() if turn % 2 else reversed(apps.items()):
            began_s = time.perf_counter()
            for first_s, last_s in await asyncio.gather(*(stream(app, at) for at in range(at_once))):
                firsts[name].append(1000 * first_s)
                ends[name].append(1000 * last_s)
            took[name] += time.perf_counter() - began_s
    return Cost(
        at_once=at_once,
        first_token_ms=median(firsts["kept"]) - median(firsts["bare"]),
        end_p50_ms=median(ends["kept"]) - median(ends["bare"]),
        end_p95_ms=quantiles(ends["kept"], n=20)[-1] - quantiles(ends["bare"], n=20)[-1],
        throughput=took["bare"] / took["kept"],
        together=ROUNDS * 3 * at_once / max(1.0, commits(kept) - before),
    )


def commits(gateway: Gateway) -> float:
    """Return how many writes to the disk there were."""
    return gateway.metrics.registry.get_sample_value("tercet_audit_commit_seconds_count") or 0.0


def sheet(found: list[Cost]) -> Sheet:
    """Return the table."""
    rows = [
        [
            str(one.at_once), f"{one.first_token_ms:+.2f} ms", f"{one.end_p50_ms:+.2f} ms", f"{one.end_p95_ms:+.2f} ms",
            f"{one.throughput:.3f}", f"{one.together:.1f}",
        ]
        for one in found
    ]  # fmt: skip
    head = ["streams at once", "first token", "last byte, p50", "p95", "throughput", "records a write"]
    return Sheet(f"The audit trail, streams of {TOKENS} tokens at {STEP_MS:g} ms a step", head, rows)


def main() -> None:
    """Measure, print and keep it."""
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    with tempfile.TemporaryDirectory(dir=where) as folder:
        found = asyncio.run(run(Path(folder)))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "audit_latency.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    show_sheets([sheet(found)])


if __name__ == "__main__":
    main()
