"""What every engine owes to the replica that holds it: one suite, run on the synthetic engine and on vLLM."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio

from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from deployments.errors import ContextTooLong, EngineFailed, Invalid
from deployments.request import Frame, Request
from deployments.signals import Stage
from tests.deployments.engines.asking import answer, ask, chat, completion, events, frames, text_of

CONTEXT = 1024
SPECS: dict[str, dict[str, Any]] = {
    "synthetic": {
        "runtime": "synthetic",
        "synthetic": {"slots": 4, "max_model_len": CONTEXT, "step": {"base_ms": 2, "per_sequence_us": 10}},
    },
    "vllm": {"runtime": "vllm", "engine": {"max_num_seqs": 4, "max_model_len": CONTEXT}},
}
ENGINES = ["synthetic", pytest.param("vllm", marks=[pytest.mark.e2e, pytest.mark.timeout(900)])]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ENGINES)
async def engine(request: pytest.FixtureRequest, stages: list[Stage]) -> AsyncIterator[Engine]:
    spec = {"name": "dense", "pool": "dense", "family": "dense", "source": "demo/dense", **SPECS[request.param]}
    stages.clear()
    built = await build_engine(spec, "dense#1", stages.append)
    await built.start()
    yield built
    await built.stop()


async def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline_s, "did not come true in time"
        await asyncio.sleep(0.01)


def idle(engine: Engine) -> bool:
    signals = engine.signals()
    return signals.running == signals.waiting == 0


def endless(**body: Any) -> Request:
    return chat("Tell me a very long story.", **{"stream": True, "max_tokens": 900, "ignore_eos": True, **body})


async def test_starts_by_loading_then_warming(engine: Engine, stages: list[Stage]) -> None:
    """The stages are told in order, and the last one is ready."""
    assert [stage for stage in stages if stage != "building"][-3:] == ["loading", "warming", "ready"]
    assert engine.signals().stage == "ready"


@pytest.mark.parametrize("request_", [chat(), chat(stream=True), completion(), completion(stream=True)])
async def test_only_the_first_frame_has_a_head(engine: Engine, request_: Request) -> None:
    """It names the model, the path that the context had, and the engine's share of the wait."""
    answered = await frames(engine, request_)
    head = answered[0].head
    assert head is not None
    assert (head.model, head.path, head.replica) == ("dense", ("auto", "dense"), "dense#1")
    assert head.engine_ttft_s is not None
    assert head.engine_queue_s is not None
    assert 0 <= head.engine_queue_s <= head.engine_ttft_s
    assert all(frame.head is None for frame in answered[1:])


@pytest.mark.parametrize("make", [chat, completion])
async def test_a_stream_is_whole_events_and_one_end_mark(engine: Engine, make: Callable[..., Request]) -> None:
    """Every frame holds complete server-sent events; [DONE] comes once, last, after one finish reason."""
    answered = await frames(engine, make(stream=True))
    assert all(frame.data.startswith(b"data: ") and frame.data.endswith(b"\n\n") for frame in answered)
    *chunks, end = events(answered)
    assert end == "[DONE]"
    assert "[DONE]" not in chunks
    assert {chunk["model"] for chunk in chunks} == {"dense"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    assert reasons == [frame.finish_reason for frame in answered if frame.finish_reason]
    assert len(reasons) == 1


async def test_the_fields_say_what_the_bytes_say(engine: Engine) -> None:
    """A frame's text is the text of its events."""
    answered = await frames(engine, chat(stream=True))
    said = [choice["delta"].get("content") for event in events(answered)[:-1] for choice in event["choices"]]
    assert text_of(answered) == "".join(content or "" for content in said) != ""


@pytest.mark.parametrize("make", [chat, completion])
async def test_tokens_add_up_to_the_usage(engine: Engine, make: Callable[..., Request]) -> None:
    """Streamed and whole, the frames count the tokens that the wire reports, and the prompt's once."""
    streamed = await frames(engine, make(stream=True, stream_options={"include_usage": True}))
    whole = await frames(engine, make())
    usages = [events(streamed)[-2]["usage"], json.loads(whole[-1].data)["usage"]]
    for answered, usage in zip([streamed, whole], usages, strict=True):
        assert sum(frame.tokens for frame in answered) == usage["completion_tokens"] > 0
        assert [frame.prompt_tokens for frame in answered if frame.prompt_tokens] == [usage["prompt_tokens"]]
    assert usages[0]["prompt_tokens"] == usages[1]["prompt_tokens"]


async def test_usage_is_streamed_only_on_request(engine: Engine) -> None:
    """Without include_usage no event carries one."""
    assert all(not event.get("usage") for event in events(await frames(engine, chat(stream=True)))[:-1])


async def test_a_whole_answer_tells_its_first_token_early(engine: Engine) -> None:
    """An empty frame with the head comes as soon as a token exists, then the body, so that a fallback can time out."""
    request = chat("Count to one hundred.", max_tokens=60, ignore_eos=True)
    async with aclosing(answer(engine, request)) as stream:  # type: ignore[type-var]
        first = await anext(stream)
        assert first.data == b""
        assert first.head is not None
        assert engine.signals().running == 1
        rest = [frame async for frame in stream]
    assert len(rest) == 1
    body = json.loads(rest[0].data)
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"]["content"] == rest[0].text


async def test_the_same_greedy_prompt_gives_the_same_answer(engine: Engine) -> None:
    """Streamed or whole, and alone or in company."""
    alone = text_of(await frames(engine, chat(stream=True)))
    company = await asyncio.gather(frames(engine, chat()), *(frames(engine, chat(f"Name {n}.")) for n in range(3)))
    assert text_of(company[0]) == alone != ""


async def test_more_requests_than_slots_are_all_answered(engine: Engine) -> None:
    """Ten requests share four slots; nobody is lost, and the batch is never fuller than it may be."""
    fullest = 0

    async def watch() -> None:
        nonlocal fullest
        while True:
            fullest = max(fullest, engine.signals().running)
            await asyncio.sleep(0.002)

    watcher = asyncio.create_task(watch())
    answers = await asyncio.gather(
        *(frames(engine, chat(f"Say {n}.", stream=n % 2 == 0, max_tokens=20, ignore_eos=True)) for n in range(10))
    )
    watcher.cancel()
    assert [sum(frame.tokens for frame in answered) for answered in answers] == [20] * 10
    assert 1 < fullest <= engine.signals().slots == 4
    await until(lambda: idle(engine))


@pytest.mark.parametrize("stream", [True, False])
async def test_closing_the_stream_frees_the_slot(engine: Engine, stream: bool) -> None:
    """A reader that leaves takes its sequence along; the engine stops generating for it."""
    opened = answer(engine, endless(stream=stream))
    await anext(opened)
    assert engine.signals().running == 1
    await opened.aclose()  # type: ignore[attr-defined]
    await until(lambda: idle(engine))
    await frames(engine, chat(max_tokens=2))
    settled = engine.signals()
    await asyncio.sleep(0.1)
    assert engine.signals().generated_tokens_total == settled.generated_tokens_total
    assert engine.signals().kv_used == 0


async def test_cancelling_the_reader_frees_the_slot(engine: Engine) -> None:
    """A cancelled task is a reader that leaves, also before the first token."""
    reader = asyncio.create_task(frames(engine, endless()))
    await until(lambda: not idle(engine))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await until(lambda: idle(engine))


async def test_abort_ends_the_request_of_that_name(engine: Engine) -> None:
    """The reader is told, others go on, and an unknown name is nothing to do."""
    readers = [asyncio.create_task(frames(engine, endless(max_tokens=40), name)) for name in ("victim", "other")]
    await until(lambda: engine.signals().running == 2)
    await engine.abort("nobody")
    await engine.abort("victim")
    with pytest.raises(EngineFailed):
        await readers[0]
    assert sum(frame.tokens for frame in await readers[1]) == 40
    await until(lambda: idle(engine))


@pytest.mark.parametrize("request_id", ["a b", "é你\n\t", "/../%00", "x" * 500, '"quoted"', "same"])
async def test_request_ids_may_hold_anything(engine: Engine, request_id: str) -> None:
    """The id is in the answer as it came, and two requests may even share one."""
    both = await asyncio.gather(*(frames(engine, chat(stream=True), request_id) for _ in range(2)))
    for answered in both:
        assert request_id in events(answered)[0]["id"]
        assert events(answered)[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ask("chat"), "messages"),
        (ask("chat", messages=[]), "messages"),
        (ask("chat", messages="hello"), "messages"),
        (ask("chat", messages=[{"content": "hello"}]), "messages"),
        (ask("completion", prompt={"a": 1}), "prompt"),
        (chat(max_tokens=-1), "max_tokens"),
        (chat(max_tokens=0), "max_tokens"),
        (chat(max_tokens="many"), "max_tokens"),
        (chat(max_tokens=None, max_completion_tokens="many"), "max_completion_tokens"),
        (chat(temperature=-1), "temperature"),
        (chat(temperature="hot"), "temperature"),
        (chat(top_p=2), "top_p"),
        (chat(n=0), "n"),
        (chat(stop=5), "stop"),
        (chat(stream=True, stream_options={"include_usage": "x"}), "stream_options"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_wrong_parameters_are_refused_by_name(engine: Engine, request_: Request, field: str) -> None:
    """Before any frame, as Invalid, with the field at fault in ``param``."""
    with pytest.raises(Invalid) as refusal:
        await frames(engine, request_)
    assert refusal.value.param is not None
    assert refusal.value.param.startswith(field)
    assert field in refusal.value.message
    assert idle(engine)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (chat("word " * 3000), "messages"),
        (completion("word " * 3000), "prompt"),
        (chat("你好" * 4000), "messages"),
        (chat(max_tokens=CONTEXT + 1), "max_tokens"),
        (completion(max_tokens=CONTEXT + 1), "max_tokens"),
    ],
)
async def test_what_does_not_fit_the_context_is_refused(engine: Engine, request_: Request, field: str) -> None:
    """The refusal has its own code and names the field that is too long."""
    with pytest.raises(ContextTooLong) as refusal:
        await frames(engine, request_)
    assert refusal.value.param == field


async def test_an_answer_ends_where_the_context_does(engine: Engine) -> None:
    """A limit that the prompt leaves no room for is cut, and the reason is length."""
    answered = await frames(engine, chat("word " * 700, stream=True, max_tokens=CONTEXT, ignore_eos=True))
    assert [frame.finish_reason for frame in answered if frame.finish_reason] == ["length"]
    tokens = sum(frame.tokens for frame in answered)
    prompt = next(frame.prompt_tokens for frame in answered if frame.prompt_tokens)
    assert prompt + tokens <= CONTEXT


async def test_totals_only_grow(engine: Engine) -> None:
    """Token totals and histograms rise by what was done, and never fall."""
    before = engine.signals()
    answered = await frames(engine, chat(stream=True, max_tokens=10, ignore_eos=True))
    after = engine.signals()
    assert after.generated_tokens_total - before.generated_tokens_total == 10
    prompt = next(frame.prompt_tokens for frame in answered if frame.prompt_tokens)
    assert after.prompt_tokens_total - before.prompt_tokens_total == prompt
    assert after.ttft.total - before.ttft.total == 1
    assert after.inter_token.total - before.inter_token.total == 9
    assert after.ttft.sum_s > before.ttft.sum_s
    assert all(new >= old for new, old in zip(after.ttft.counts, before.ttft.counts, strict=True))
    assert after.at_s >= before.at_s


async def test_a_slow_reader_gets_everything_in_few_frames(engine: Engine) -> None:
    """What was generated while nobody read is merged; no token is lost."""
    async with aclosing(answer(engine, chat(stream=True, max_tokens=30, ignore_eos=True))) as stream:  # type: ignore[type-var]
        read: list[Frame] = [await anext(stream)]
        await until(lambda: idle(engine))
        read += [frame async for frame in stream]
    assert len(read) < 6
    assert sum(frame.tokens for frame in read) == 30
    assert events(read)[-1] == "[DONE]"


async def test_a_working_engine_is_healthy(engine: Engine) -> None:
    """check() says nothing while all is well."""
    await engine.check()


# The last test: it ends the module's engine.
async def test_stop_ends_running_streams(engine: Engine) -> None:
    """Running requests end with EngineFailed, later ones are refused, and the engine says that it is not well."""
    reader = asyncio.create_task(frames(engine, endless()))
    await until(lambda: engine.signals().running == 1)
    await engine.stop()
    with pytest.raises(EngineFailed):
        await reader
    with pytest.raises(EngineFailed):
        await frames(engine, chat())
    with pytest.raises(EngineFailed):
        await engine.check()
    assert idle(engine)
    await engine.stop()
