"""Load one engine, round after round, and read what its steps added up to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any

from cluster.profiling.sweep import Round, rounds
from deployments.engines.base import Engine, EngineInfo
from deployments.engines.launch import build_engine
from deployments.errors import EngineFailed
from deployments.request import Context, Request
from deployments.totals import StepTotals, gained, together

_ANSWER_S = 300.0
# Token ids that every vocabulary has; drawn anew each time, so that no prefix cache has them.
_IDS = (10, 1_000)
ALONE_PROMPT = 16
_IDLE_S = 0.3
_numbers = count()

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One engine: what it turned out to be, how long its start took, and the steps of every round.

    ``alone_s`` are the times to the first token of requests of ``ALONE_PROMPT`` tokens that found the engine idle, one
    before each round.
    """

    info: EngineInfo
    start_s: float
    rounds: tuple[tuple[Round, StepTotals], ...]
    alone_s: tuple[float, ...] = ()


async def measured(spec: Mapping[str, Any], *, seconds: float, progress: Progress) -> Measured:
    """Start the engine of *spec*, sweep it for about *seconds* and stop it; raises EngineFailed."""
    async with _started(spec) as (engine, info, start_s):
        progress(f"started in {start_s:.1f} s: {info.slots} slots, {info.kv_tokens} tokens in the KV cache")
        planned = rounds(info)
        # There and back, so that a minute in which the machine is slower or faster is no round's alone.
        order = [*planned, *reversed(planned)]
        totals = dict.fromkeys(planned, StepTotals())
        alone_s = []
        for number, one in enumerate(order, 1):
            alone_s.append(await _alone(engine, spec["name"]))
            steps = await _round(engine, spec["name"], one, seconds / len(order))
            totals[one] = together(totals[one], steps)
            progress(f"{number}/{len(order)}  {one}: {steps.steps:.0f} steps")
    return Measured(info=info, start_s=start_s, rounds=tuple(totals.items()), alone_s=tuple(alone_s))


async def _round(engine: Engine, name: str, one: Round, seconds: float) -> StepTotals:
    before = engine.signals().steps
    await _loaded(engine, name, one, seconds)
    return gained(engine.signals().steps, before)


async def _alone(engine: Engine, name: str) -> float:
    """Return the time to the first token of a single request after a pause."""
    random = Random(next(_numbers))  # noqa: S311 - prompts, no secret
    await asyncio.sleep(_IDLE_S)
    return await _answered(engine, name, _prompt(random, ALONE_PROMPT), 2)


@asynccontextmanager
async def _started(spec: Mapping[str, Any]) -> AsyncIterator[tuple[Engine, EngineInfo, float]]:
    began_s = time.monotonic()
    engine = await build_engine(spec, f"{spec['name']}#profile", lambda _: None)
    try:
        info = await engine.start()
        yield engine, info, time.monotonic() - began_s
    finally:
        await engine.stop()


async def _loaded(engine: Engine, name: str, one: Round, seconds: float) -> None:
    """Keep the round's clients busy for *seconds*; what is under way then is given up."""
    clients = [asyncio.create_task(_client(engine, name, one)) for _ in range(one.streams)]
    try:
        done, _ = await asyncio.wait(clients, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for client in done:
            client.result()
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def _client(engine: Engine, name: str, one: Round) -> None:
    random = Random(next(_numbers))  # noqa: S311 - prompts, no secret
    # Clients out of step with each other, so that prompts come while others decode.
    output = random.randint(1, one.output_tokens)
    while True:
        await _answered(engine, name, _prompt(random, one.prompt_tokens), output)
        output = one.output_tokens


async def _answered(engine: Engine, name: str, prompt: Sequence[int], output_tokens: int) -> float:
    """Take one answer to its end, and return the seconds to its first token."""
    body = {"prompt": prompt, "max_tokens": output_tokens, "ignore_eos": True, "temperature": 0}
    request = Request(endpoint="completion", model=name, body=body, stream=True)
    began_s, first_s = time.monotonic(), 0.0
    deadline_s = began_s + _ANSWER_S
    context = Context(request_id=f"profile-{next(_numbers)}", deadline_s=deadline_s, now=datetime.now(UTC))
    try:
        async with asyncio.timeout(_ANSWER_S), aclosing(engine.generate(request, context)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                if frame.tokens and not first_s:
                    first_s = time.monotonic() - began_s
    except TimeoutError as error:
        raise EngineFailed(f"{name}: gave no answer of {output_tokens} tokens within {_ANSWER_S:g} s") from error
    return first_s


def _prompt(random: Random, tokens: int) -> list[int]:
    return [random.randrange(*_IDS) for _ in range(tokens)]
