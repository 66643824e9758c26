"""batch: small completions that ask for it share a call, and each gets its own part of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed, Invalid, ServingError
from deployments.graph.spec import parse
from deployments.graph.subject import Subject
from deployments.nodes.batch import kind as batch
from deployments.nodes.batch.merge import apportioned, shares
from deployments.request import Context, Frame, Head, Request
from tests.deployments.leap import LeapLoop, leap
from tests.deployments.scripted import Scripted, collect, compiled, context

GRAPH = {"b": {"batch": "dense", "wait": "20ms", "max": 4}}


def ask(prompt: Any, **more: Any) -> Request:
    body = {"prompt": prompt, "max_tokens": 8, "service_tier": "flex", **more}
    return Request(endpoint="completion", model="", body=body, stream=bool(more.get("stream")))


class Remote(Scripted):
    """A model that takes a list of prompts, as remote ones do: each is answered by a synthetic engine."""

    def __init__(self) -> None:
        super().__init__({})
        self.calls: list[Any] = []
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapLoop)
        self.engine = SyntheticEngine(
            "dense", "dense", "dense#0", SyntheticSpec(), clock=loop.time, wall=lambda: 0.0, stall_s=1e9
        )

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        prompt = request.body["prompt"]
        self.calls.append(prompt)
        prompts = prompt if isinstance(prompt, list) else [prompt]
        asked = [Request(endpoint="completion", model=pool, body={**request.body, "prompt": one}) for one in prompts]
        work = [collect(self.engine.generate, one, context.fork(str(at))) for at, one in enumerate(asked)]
        answers = [frames[-1] for frames in await asyncio.gather(*work)]
        bodies = [msgspec.json.decode(answer.data) for answer in answers]
        usage = {name: sum(body["usage"][name] for body in bodies) for name in bodies[0]["usage"]}
        choices = [{**body["choices"][0], "index": at} for at, body in enumerate(bodies)]
        yield Frame(data=b"", head=Head(model=pool, path=context.path))
        yield Frame(
            data=msgspec.json.encode({**bodies[0], "choices": choices, "usage": usage}),
            tokens=sum(answer.tokens for answer in answers),
            prompt_tokens=sum(answer.prompt_tokens or 0 for answer in answers),
        )


def served(requests: Sequence[Request], contexts: Sequence[Context] = ()) -> tuple[list[Any], list[Any], Remote]:
    """Return the calls that the model saw and what each request got, all asked at once."""

    async def run() -> tuple[list[Any], list[Any], Remote]:
        remote = Remote()
        await remote.engine.start()
        node = compiled(GRAPH, remote)["b"]
        given_ = contexts or [context(request_id=f"r{at}") for at in range(len(requests))]
        work = [collect(node, one, ctx) for one, ctx in zip(requests, given_, strict=True)]
        results = await asyncio.gather(*work, return_exceptions=True)
        await remote.engine.stop()
        return remote.calls, results, remote

    return leap(run())


def text(frames: list[Frame]) -> str:
    told: str = msgspec.json.decode(frames[-1].data)["choices"][0]["text"]
    return told


def test_requests_that_differ_in_their_prompts_alone_share_a_call() -> None:
    """Each gets the answer to its own prompt, the same as alone, and a body of one choice with its own id."""
    prompts = ["one", "two words", "three words here"]
    calls, results, _ = served([ask(prompt) for prompt in prompts])
    assert calls == [prompts]
    alone = [served([ask(prompt)])[1][0] for prompt in prompts]
    assert [text(frames) for frames in results] == [text(frames) for frames in alone]
    bodies = [msgspec.json.decode(frames[-1].data) for frames in results]
    assert len({body["id"] for body in bodies}) == 3
    assert [[choice["index"] for choice in body["choices"]] for body in bodies] == [[0]] * 3
    assert [frames[0].head.notes for frames in results] == [{"batched": "3"}] * 3
    assert [frames[0].head.path for frames in results] == [("b", "dense")] * 3


def test_usage_adds_up() -> None:
    """What the parts are charged is what the call cost."""
    _, results, _ = served([ask("one"), ask("two words"), ask("three " * 30)])
    whole = served([ask(["one", "two words", "three " * 30])])[1][0][-1]
    assert sum(frames[-1].tokens for frames in results) == whole.tokens
    assert sum(frames[-1].prompt_tokens for frames in results) == whole.prompt_tokens
    usages = [msgspec.json.decode(frames[-1].data)["usage"] for frames in results]
    assert [usage["completion_tokens"] for usage in usages] == [frames[-1].tokens for frames in results]


ALONE = {
    "does not ask": ask("x", service_tier=None),
    "streams": ask("x", stream=True),
    "wants much": ask("x", max_tokens=65),
    "wants without end": ask("x", max_tokens=None),
    "wants several": ask("x", n=2),
    "echoes": ask("x", echo=True),
    "samples otherwise": ask("x", temperature=0.5),
    "has tokens": ask([1, 2]),
}


@pytest.mark.parametrize("what", ALONE)
def test_others_go_alone(what: str) -> None:
    """Who does not ask, streams, wants much, or differs in more than its prompt is not merged."""
    calls, _, _ = served([ask("y"), ALONE[what]])
    assert len(calls) == 2


def test_a_header_asks_as_well_and_tenants_stay_apart() -> None:
    """``x-tercet-batch: yes`` is enough; another tenant's request is another call."""
    headers = {"x-tercet-batch": "yes"}
    contexts = [context(headers=headers), context(headers=headers), context(headers=headers, tenant="other")]
    calls, _, _ = served([ask(prompt, service_tier=None) for prompt in "abc"], contexts)
    assert sorted(calls, key=str) == sorted([["a", "b"], "c"], key=str)


def test_a_full_call_goes_out_at_once() -> None:
    """At most ``max`` in one; the rest make another."""
    calls, _, _ = served([ask(str(at)) for at in range(6)])
    assert [len(call) for call in calls] == [4, 2]


def test_one_that_is_wrong_does_not_spoil_the_others() -> None:
    """Where the call is refused as wrong each goes alone, and only the wrong one fails."""
    calls, results, _ = served([ask("good"), ask("x" * 100_000), ask("fine")])
    assert [isinstance(result, Invalid) for result in results] == [False, True, False]
    assert len(calls) == 4


def test_one_that_leaves_does_not_stop_the_others_and_the_last_one_does() -> None:
    """Before the call goes out a leaver is not part of it; when all have left the engine's work is aborted."""

    async def run() -> None:
        remote = Remote()
        await remote.engine.start()
        node = compiled(GRAPH, remote)["b"]
        tasks = [asyncio.create_task(collect(node, ask(prompt), context(request_id=prompt))) for prompt in "abc"]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        await asyncio.sleep(0.05)
        assert remote.calls == [["b", "c"]]
        tasks[1].cancel()
        await asyncio.sleep(0)
        assert remote.engine.signals().aborted_total == 0
        tasks[2].cancel()
        await asyncio.wait(tasks)
        assert remote.engine.signals().aborted_total == 2
        await remote.engine.stop()

    leap(run())


@pytest.mark.parametrize("answer", [b"garbage", b'{"choices": []}', b'{"choices": [1, 2]}', b"[]"])
def test_an_answer_that_cannot_be_split_is_a_failure(answer: bytes) -> None:
    """Nobody gets another one's part."""
    transport = Scripted({"dense": [b"", answer]})
    node = compiled(GRAPH, transport)["b"]

    async def run() -> list[Any]:
        work = [collect(node, ask(prompt), context(request_id=prompt)) for prompt in "ab"]
        return await asyncio.gather(*work, return_exceptions=True)

    assert [type(result) for result in leap(run())] == [EngineFailed] * 2


def test_exact_counts_are_used_where_they_are_told() -> None:
    """Tokens of log-probabilities or ids count; else the texts' lengths do."""
    requests = [ask("aa"), ask("bb")]
    choices: list[dict[str, Any]] = [
        {"index": 1, "text": "a long text", "token_ids": [1]},
        {"index": 0, "text": "short", "token_ids": [1, 2, 3]},
    ]
    body = {"choices": choices, "usage": {"prompt_tokens": 2, "completion_tokens": 4}}
    told = shares(msgspec.json.encode(body), requests)
    assert [(share.text, share.completion_tokens) for share in told] == [("short", 3), ("a long text", 1)]


@given(total=st.integers(0, 10_000), sizes=st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_shares_add_up(total: int, sizes: list[int]) -> None:
    """Whole numbers, off the exact share by less than one, with nothing lost."""
    parts = apportioned(total, sizes)
    assert sum(parts) == total
    assert all(abs(part - total * size / sum(sizes)) < 1 for part, size in zip(parts, sizes, strict=True) if sum(sizes))


def test_explains() -> None:
    """``tercet explain`` tells whether a request waits for others."""
    spec = parse({"batch": "dense"})
    assert batch.plan(spec, Subject(ask("x"), context())).why == ("waits up to 20 ms for others like it, 16 at most",)  # type: ignore[arg-type]
    assert batch.plan(spec, Subject(ask("x", stream=True), context())).why == ("goes alone",)  # type: ignore[arg-type]


def test_closing_before_the_call_makes_none() -> None:
    """Whoever leaves while waiting for company costs nothing."""

    async def run() -> None:
        transport = Scripted({"dense": [b"x"]})
        node = compiled(GRAPH, transport)["b"]
        async with aclosing(node(ask("x"), context())) as frames:  # type: ignore[type-var]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await anext(frames)
        await asyncio.sleep(1)
        assert transport.log == []

    leap(run())


def test_errors_reach_all() -> None:
    """A broken call breaks for everyone in it."""
    node = compiled(GRAPH, Scripted({"dense": [b"", EngineFailed("x")]}))["b"]

    async def run() -> list[Any]:
        work = [collect(node, ask(prompt), context(request_id=prompt)) for prompt in "ab"]
        return await asyncio.gather(*work, return_exceptions=True)

    assert all(isinstance(result, ServingError) for result in leap(run()))
