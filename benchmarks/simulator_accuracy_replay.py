"""Send a trace to a running engine, open loop, and time every answer at the engine's boundary."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any

from autoscale.sim.arrivals import Arrivals
from benchmarks.simulator_accuracy_seen import Answer
from deployments.engines.base import Engine, EngineInfo
from deployments.engines.launch import build_engine
from deployments.request import Context, Request

ANSWER_S = 180.0
# Token ids that every vocabulary has; drawn anew for each request, so that no prefix cache has them.
_IDS = (10, 1_000)
_numbers = count()


class NotWholeError(Exception):
    """An answer of another length than the one that was asked for, or none in time; the replay does not count."""


@asynccontextmanager
async def running(spec: Mapping[str, Any]) -> AsyncIterator[tuple[Engine, EngineInfo]]:
    """Start the engine of *spec* in this process and stop it in the end; raises EngineFailed."""
    engine = await build_engine(spec, f"{spec['name']}#0", lambda _: None)
    try:
        yield engine, await engine.start()
    finally:
        await engine.stop()


async def replayed(engine: Engine, model: str, trace: Arrivals, seed: int) -> list[Answer]:
    """Send every request of *trace* at its time, whatever has become of those before it; raises NotWholeError.

    Latencies count from the time in the trace, so an event loop that is late has no better ones.
    """
    random = Random(seed)  # noqa: S311 - prompts, no secret
    prompts = [[random.randrange(*_IDS) for _ in range(tokens)] for tokens in trace.prompt.tolist()]
    began_s = time.monotonic() + 0.1
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_answered(engine, model, began_s, at_s, prompt, output))
            for at_s, prompt, output in zip(trace.t_s.tolist(), prompts, trace.output.tolist(), strict=True)
        ]
    return [task.result() for task in tasks]


async def _answered(engine: Engine, model: str, began_s: float, at_s: float, prompt: list[int], tokens: int) -> Answer:
    await asyncio.sleep(began_s + at_s - time.monotonic())
    body = {"prompt": prompt, "max_tokens": tokens, "ignore_eos": True, "temperature": 0}
    request = Request(endpoint="completion", model=model, body=body, stream=True)
    deadline_s = time.monotonic() + ANSWER_S
    context = Context(request_id=f"accuracy-{next(_numbers)}", deadline_s=deadline_s, now=datetime.now(UTC))
    first_s, last_s, got = 0.0, 0.0, 0
    try:
        async with asyncio.timeout(ANSWER_S), aclosing(engine.generate(request, context)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                if frame.tokens:
                    last_s = time.monotonic() - began_s
                    first_s = first_s or last_s
                    got += frame.tokens
    except TimeoutError as error:
        raise NotWholeError(f"no answer of {tokens} tokens within {ANSWER_S:g} s") from error
    if got != tokens:
        raise NotWholeError(f"an answer of {got} tokens where {tokens} were asked for")
    return Answer(at_s, first_s, last_s, got)
