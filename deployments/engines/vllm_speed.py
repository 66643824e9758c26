"""``python -m deployments.engines.vllm_speed NAME=CHECKPOINT…``: engines side by side, measured in turns, as JSON."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from itertools import count
from typing import Any

from deployments.engines.vllm import VllmEngine
from deployments.engines.vllm_start import VllmSettings
from deployments.errors import EngineFailed
from deployments.request import Context, Frame, Request

ROUNDS = 3
TOKENS = 32
STREAMS = (1, 8)
PATIENCE_S = 300.0
QUESTION = "What is the capital of France?"
ARGUMENTS = {"max_model_len": 1024, "kv_cache_memory_bytes": 2**28}
_numbers = count()


async def measured(checkpoints: Mapping[str, str], *, rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """Return each checkpoint's greedy answer, and its median of *rounds* in tokens a second by number of streams."""
    async with AsyncExitStack() as started:
        engines = {}
        for name, checkpoint in checkpoints.items():
            engine = VllmEngine(name, f"{name}#1", VllmSettings(name=name, checkpoint=checkpoint, arguments=ARGUMENTS))
            started.push_async_callback(engine.stop)
            await engine.start()
            engines[name] = engine
        answers = {name: await _answer(engine, name) for name, engine in engines.items()}
        rates = await _rates(engines, rounds)
    return {name: {"answer": answers[name], "tokens_per_s": rates[name]} for name in engines}


async def _rates(engines: Mapping[str, VllmEngine], rounds: int) -> dict[str, dict[str, float]]:
    seen: dict[str, dict[int, list[float]]] = {name: {streams: [] for streams in STREAMS} for name in engines}
    for _ in range(rounds):
        for streams in STREAMS:
            for name, engine in engines.items():
                seen[name][streams].append(await _rate(engine, name, streams))
    return {
        name: {str(streams): round(statistics.median(rates), 1) for streams, rates in by_streams.items()}
        for name, by_streams in seen.items()
    }


async def _rate(engine: VllmEngine, name: str, streams: int) -> float:
    began_s = time.perf_counter()
    bodies = [
        {"prompt": f"Story number {next(_numbers)} begins", "max_tokens": TOKENS, "temperature": 0, "ignore_eos": True}
        for _ in range(streams)
    ]
    answers = await asyncio.gather(
        *(_frames(engine, Request(endpoint="completion", model=name, body=body)) for body in bodies)
    )
    tokens = sum(frame.tokens for frames in answers for frame in frames)
    return tokens / (time.perf_counter() - began_s)


async def _answer(engine: VllmEngine, name: str) -> str:
    body = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 32, "temperature": 0}
    frames = await _frames(engine, Request(endpoint="chat", model=name, body=body))
    answer = json.loads(b"".join(frame.data for frame in frames))
    return str(answer["choices"][0]["message"]["content"])


async def _frames(engine: VllmEngine, request: Request) -> Sequence[Frame]:
    context = Context(
        request_id=f"speed-{next(_numbers)}", deadline_s=time.monotonic() + PATIENCE_S, now=datetime.now(UTC)
    )
    async with asyncio.timeout(PATIENCE_S), aclosing(engine.generate(request, context)) as frames:  # type: ignore[type-var]
        return [frame async for frame in frames]


def main(arguments: Sequence[str]) -> int:
    """Print the figures as one line of JSON; 1 with a sentence when an engine does not start."""
    try:
        figures = asyncio.run(measured(dict(argument.split("=", 1) for argument in arguments)))
    except EngineFailed as error:
        print(error.message, file=sys.stderr)  # noqa: T201 - a command line
        return 1
    print(json.dumps(figures), flush=True)  # noqa: T201 - a command line
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
