"""Streams that lose their replica go on at another one, over real connections to synthetic engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed, Overloaded, ServingError
from deployments.pool.failover import LOST, Failover
from deployments.pool.wire import Call, context_of
from deployments.request import Frame, Request
from tests.deployments.engines.asking import chat, completion, events
from tests.deployments.engines.asking import frames as frames_of
from tests.deployments.pool.wired import LIMIT_S, Replica, Wired, until, wired

TOKENS = 40


class Behind(Replica):
    """A replica with an engine; each call takes the next of *ends*: an error, or after how many tokens to fail."""

    def __init__(self, name: str, ends: list[ServingError | int] | None = None, *, step_ms: float = 2.0) -> None:
        super().__init__(name, limit=64)
        step = {"base_ms": step_ms, "per_prefill_token_us": 0, "per_sequence_us": 0}
        self.engine = SyntheticEngine("dense", "dense", name, SyntheticSpec.model_validate({"step": step, "slots": 64}))
        self._ends = ends if ends is not None else []

    async def _answer(self, call: Call) -> AsyncGenerator[Frame]:
        self.calls.append(call)
        end = self._ends.pop(0) if self._ends else None
        if isinstance(end, ServingError):
            raise end
        self.in_flight += 1
        try:
            context, tokens = context_of(call, now_s=asyncio.get_running_loop().time()), 0
            async with aclosing(self.engine.generate(call.request, context)) as frames:  # type: ignore[type-var]
                async for frame in frames:
                    yield frame
                    tokens += frame.tokens
                    if end is not None and tokens >= end:
                        raise EngineFailed("told to die")
        finally:
            self.in_flight -= 1


@asynccontextmanager
async def pool(*replicas: Behind, **counted: Any) -> AsyncIterator[tuple[Wired, list[tuple[str, str]]]]:
    """Start engines behind a transport that counts its failovers."""
    outcomes: list[tuple[str, str]] = []
    for replica in replicas:
        await replica.engine.start()
    try:
        async with wired(*replicas) as one:
            one.transport.failover = Failover(count=lambda *told: outcomes.append(told), **counted)
            yield one, outcomes
    finally:
        for replica in replicas:
            await replica.engine.stop()


async def read(one: Wired, request: Request) -> list[Frame]:
    async with asyncio.timeout(LIMIT_S):
        return [frame async for frame in one.stream(request)]


def data_of(frames: list[Frame]) -> list[Any]:
    """Decode all events but the comments."""
    kept = [part for frame in frames for part in frame.data.split(b"\n\n") if part and not part.startswith(b":")]
    return events([Frame(data=part + b"\n\n") for part in kept])


def comments_of(frames: list[Frame]) -> list[Any]:
    """Decode what is told beside the events."""
    parts = [part for frame in frames for part in frame.data.split(b"\n\n") if part.startswith(b":")]
    return [json.loads(part.removeprefix(b": tercet ")) for part in parts]


async def undisturbed(request: Request) -> list[Frame]:
    engine = Behind("whole").engine
    await engine.start()
    try:
        return await frames_of(engine, request, "r")
    finally:
        await engine.stop()


def said(frames: list[Frame]) -> list[Any]:
    """Return everything that the client is told, without the time at which it was."""
    return [{**event, "created": 0} if isinstance(event, dict) else event for event in data_of(frames)]


def request_of(kind: Any = chat) -> Request:
    body = {"max_tokens": TOKENS, "ignore_eos": True, "stream_options": {"include_usage": True}}
    request: Request = kind(stream=True, **body)
    return request


def two(*ends: ServingError | int) -> list[Behind]:
    shared = list(ends)
    return [Behind(name, shared) for name in "ab"]


@pytest.mark.parametrize("kind", [chat, completion])
@pytest.mark.parametrize("after", [1, 7, TOKENS - 1])
async def test_a_broken_stream_is_the_undisturbed_one_event_by_event(kind: Any, after: int) -> None:
    """No token twice, none missing, one role, one usage, one end; who took over is told in a comment."""
    request = request_of(kind)
    async with pool(*two(after)) as (one, outcomes):
        frames = await read(one, request)
    assert said(frames) == said(await undisturbed(request))
    assert sum(frame.tokens for frame in frames) == TOKENS
    assert [frame.head is not None for frame in frames] == [True] + [False] * (len(frames) - 1)
    assert outcomes == [("dense", "resumed")]
    head = frames[0].head
    assert head is not None
    (survivor,) = {"a", "b"} - {head.replica}
    resumed = {"by": survivor, "from": head.replica, "because": "engine_failed", "after_tokens": after}
    assert comments_of(frames) == [{"resumed": resumed}]


async def test_a_replica_that_vanishes_under_load_costs_no_token() -> None:
    """Every stream of a lost connection goes on."""
    a, b = Behind("a", step_ms=40), Behind("b", step_ms=40)
    async with pool(a, b) as (one, outcomes):
        requests = [chat(f"Tell {n}.", stream=True, max_tokens=TOKENS, ignore_eos=True) for n in range(16)]
        streams = asyncio.gather(*(read(one, request) for request in requests))
        await until(lambda: a.engine.signals().generated_tokens_total > TOKENS)
        broken = a.in_flight
        await a.listener.close()
        answers = await streams
    assert broken > 0
    assert [said(frames) for frames in answers] == [said(await undisturbed(request)) for request in requests]
    assert outcomes == [("dense", "resumed")] * broken


async def test_streams_may_be_lost_again_but_not_for_ever() -> None:
    """A request that kills what serves it is given up, with the first cause."""
    ends: list[ServingError | int] = [5] * 20
    replicas = [Behind(f"{n}", ends) for n in range(LOST + 3)]
    async with pool(*replicas) as (one, outcomes):
        with pytest.raises(EngineFailed, match="told to die"):
            await read(one, request_of())
    assert outcomes == [("dense", "resumed")] * LOST + [("dense", "failed")]
    assert sorted(len(replica.calls) for replica in replicas) == [0] * 2 + [1] * (LOST + 1)


async def test_a_full_replica_is_asked_again() -> None:
    """Whoever takes its neighbour's streams over may be full for a while."""
    async with pool(*two(5, *[Overloaded("full")] * 5)) as (one, _):
        frames = await read(one, request_of())
        calls = sorted(len(replica.calls) for replica in one.replicas)
    assert sum(frame.tokens for frame in frames) == TOKENS
    assert calls == [1, 6]


@pytest.mark.parametrize(
    ("request_", "allowed"),
    [(request_of(), False), (chat(stream=True, max_tokens=TOKENS, ignore_eos=True, presence_penalty=1), True)],
)
async def test_what_may_not_go_on_ends_with_an_honest_error(request_: Request, allowed: bool) -> None:
    """Where it is switched off, and where the rest would not follow from what was delivered."""
    async with pool(*two(5), allowed=lambda _: allowed) as (one, outcomes):
        with pytest.raises(EngineFailed, match="told to die"):
            await read(one, request_)
        (call,) = [call for replica in one.replicas for call in replica.calls]
    assert not call.request.traced
    assert outcomes == []


async def test_without_another_replica_the_first_cause_is_told() -> None:
    """Not that there is nobody left."""
    async with pool(Behind("a", step_ms=100)) as (one, outcomes):
        reading = one.stream(request_of())
        await anext(reading)
        assert one.view is not None
        state = one.view.pools["dense"]
        one.view = type(one.view)(at_s=0.0, pools={"dense": type(state)(ready=0, target=1, starting=1)})
        await one.replicas[0].listener.close()
        with pytest.raises(EngineFailed, match="was lost"):
            async for _ in reading:
                pass
    assert outcomes == [("dense", "failed")]


async def test_an_answer_that_was_whole_needs_nobody() -> None:
    """A connection lost between the last token and the end of the call has lost nothing."""
    a = Replica("a", [b"1"])

    async def ending(call: Call) -> AsyncGenerator[Frame]:
        a.calls.append(call)
        yield Frame(data=b"1", text="1", tokens=1, finish_reason="stop")
        raise EngineFailed("died")

    a.listener._answer = ending
    async with wired(a) as one:
        assert await one.answer(chat(stream=True)) == b"1"
    assert len(a.calls) == 1
