"""What every engine owes to the replica that holds it: one suite, run on the synthetic engine and on vLLM."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from deployments.engines.synthetic import SyntheticEngine
from deployments.errors import ContextTooLong, EngineFailed, Invalid, NotFound
from deployments.request import STRIDE, Endpoint, Frame, Request
from deployments.response_id import Place, new_response_id, place_of
from deployments.signals import Stage
from deployments.totals import gained
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


async def test_calls_share_the_time_of_their_engine(engine: Engine) -> None:
    """Told with the usage and only there; together they took about the time in which there were any."""
    began_s = time.monotonic()
    short, long = await asyncio.gather(
        frames(engine, chat(max_tokens=10, ignore_eos=True)),
        frames(engine, chat("Tell me a long story.", stream=True, max_tokens=80, ignore_eos=True)),
    )
    elapsed_s = time.monotonic() - began_s
    assert all(bool(frame.seconds) == (frame.prompt_tokens is not None) for frame in (*short, *long))
    assert 0 < short[-1].seconds < long[-1].seconds
    assert 0.6 * elapsed_s < short[-1].seconds + long[-1].seconds < 1.02 * elapsed_s


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


async def test_a_whole_answer_tells_how_far_it_has_come(engine: Engine) -> None:
    """In strides, so that whoever counts them may end it; the frames count every token once."""
    head, *progress, last = await frames(engine, chat("Count to one hundred.", max_tokens=150, ignore_eos=True))
    assert (head.tokens, [frame.data for frame in progress]) == (0, [b"", b""])
    assert all(STRIDE <= frame.tokens <= STRIDE + 1 for frame in progress)
    assert head.tokens + sum(frame.tokens for frame in progress) + last.tokens == 150
    assert json.loads(last.data)["choices"][0]["message"]["content"] == last.text


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


async def test_steps_and_what_is_left_are_told(engine: Engine) -> None:
    """Prompts and decoding are in the sums of steps, in no more time than passed; an idle engine has nothing left."""
    before, began_s = engine.signals().steps, time.monotonic()
    answering = asyncio.create_task(frames(engine, endless(max_tokens=300)))
    await until(lambda: engine.signals().running == 1)
    for number in range(6):
        await frames(engine, chat(f"Story {number}. " + "And then? " * 30, max_tokens=8, ignore_eos=True))
    assert 0 < engine.signals().remaining_tokens < 300
    await answering
    after, took_s = engine.signals(), time.monotonic() - began_s
    steps = gained(after.steps, before)
    assert steps.steps > 100
    assert steps.gram[1] > 50  # prompt tokens
    assert steps.gram[2] > 50  # those, times their context
    assert steps.steps < steps.gram[3] < 2 * steps.steps  # one or two sequences decode in each
    assert steps.gram[4] > steps.gram[3]  # and hold more than a token each
    assert 0 < steps.seconds[0] <= took_s
    assert min(after.kv_tokens, after.batched_tokens, after.slots) > 0
    assert (after.queued_prompt_tokens, after.remaining_tokens) == (0, 0)


@pytest.mark.parametrize("stream", [True, False])
async def test_closing_the_stream_frees_the_slot(engine: Engine, stream: bool) -> None:
    """A reader that leaves takes its sequence along; the engine stops generating for it, and counts it."""
    before = engine.signals().aborted_total
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
    assert engine.signals().aborted_total == before + 1


async def test_cancelling_the_reader_frees_the_slot(engine: Engine) -> None:
    """A cancelled task is a reader that leaves, also before the first token."""
    before = engine.signals().aborted_total
    reader = asyncio.create_task(frames(engine, endless()))
    await until(lambda: not idle(engine))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await until(lambda: idle(engine))
    assert engine.signals().aborted_total == before + 1


async def test_abort_ends_the_request_of_that_name(engine: Engine) -> None:
    """The reader is told, others go on, and an unknown name is nothing to do."""
    before = engine.signals().aborted_total
    readers = [asyncio.create_task(frames(engine, endless(max_tokens=40), name)) for name in ("victim", "other")]
    await until(lambda: engine.signals().running == 2)
    await engine.abort("nobody")
    await engine.abort("victim")
    with pytest.raises(EngineFailed):
        await readers[0]
    assert sum(frame.tokens for frame in await readers[1]) == 40
    await until(lambda: idle(engine))
    assert engine.signals().aborted_total == before + 1


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


RESPONSE = ask("responses", input="What is the capital of France?", max_output_tokens=12, temperature=0)
MESSAGE = ask(
    "messages",
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    max_tokens=12,
    temperature=0,
)


def streamed(request: Request) -> Request:
    return replace(request, stream=True)


@pytest.mark.parametrize("request_", [RESPONSE, MESSAGE], ids=["responses", "messages"])
async def test_every_surface_gives_the_same_answer_streamed_and_whole(engine: Engine, request_: Request) -> None:
    """Whole named events, one head first that knows the time to the first token, and the same text and tokens."""
    whole, parts = await frames(engine, request_), await frames(engine, streamed(request_))
    assert text_of(whole) == text_of(parts) != ""
    assert all(frame.data.startswith(b"event: ") and frame.data.endswith(b"\n\n") for frame in parts)
    for answered in (whole, parts):
        assert answered[0].head is not None
        assert answered[0].head.engine_ttft_s is not None
        assert all(frame.head is None for frame in answered[1:])
    body = json.loads(whole[-1].data)
    usage = body["usage"]
    for answered in (whole, parts):
        assert sum(frame.tokens for frame in answered) == usage["output_tokens"]
        assert [frame.prompt_tokens for frame in answered if frame.prompt_tokens] == [usage["input_tokens"]]
        assert len([frame.finish_reason for frame in answered if frame.finish_reason]) == 1
    assert b"[DONE]" not in b"".join(frame.data for frame in parts)


@pytest.mark.parametrize("request_", [RESPONSE, MESSAGE], ids=["responses", "messages"])
async def test_a_chat_says_the_same_on_every_surface(engine: Engine, request_: Request) -> None:
    """One model, one template: the surface is only a form."""
    if isinstance(engine, SyntheticEngine):
        pytest.skip("a synthetic engine has no chat template")
    assert text_of(await frames(engine, request_)) == text_of(await frames(engine, chat()))


async def test_a_response_can_be_retrieved_and_gone_on_from(engine: Engine) -> None:
    """By an id that says where it is kept; an id that nobody kept is not found."""
    [*_, made] = await frames(engine, RESPONSE)
    body = json.loads(made.data)
    assert place_of(body["id"]) == Place(pool="dense", replica="dense#1")
    [kept] = await frames(engine, ask("response", response_id=body["id"]))
    assert json.loads(kept.data)["output"] == body["output"]
    [*_, onward] = await frames(
        engine, ask("responses", input="And of Italy?", previous_response_id=body["id"], max_output_tokens=9)
    )
    assert json.loads(onward.data)["usage"]["input_tokens"] > body["usage"]["input_tokens"]
    unknown = new_response_id(Place(pool="dense", replica="dense#1"))
    for request in (
        ask("response", response_id=unknown),
        ask("response_cancel", response_id=unknown),
        ask("responses", input="x", previous_response_id=unknown),
    ):
        with pytest.raises(NotFound):
            await frames(engine, request)


async def test_a_response_that_is_complete_cannot_be_cancelled(engine: Engine) -> None:
    """Nor are there events of one that was not streamed in the background."""
    [*_, made] = await frames(engine, RESPONSE)
    response_id = json.loads(made.data)["id"]
    with pytest.raises(Invalid):
        await frames(engine, ask("response_cancel", response_id=response_id))
    with pytest.raises(Invalid):
        await frames(engine, ask("response", response_id=response_id, stream=True))


async def test_tokens_are_counted_without_generating(engine: Engine) -> None:
    """A count is what the prompt takes when it is answered, and the engine takes no step for it."""
    before = engine.signals().generated_tokens_total
    turns = {"messages": MESSAGE.body["messages"]}
    [counted] = await frames(engine, ask("count_tokens", **turns))
    [listed] = await frames(engine, ask("tokenize", prompt="The capital of France is"))
    assert engine.signals().generated_tokens_total == before
    [*_, message] = await frames(engine, MESSAGE)
    assert json.loads(counted.data)["input_tokens"] == json.loads(message.data)["usage"]["input_tokens"]
    tokens = json.loads(listed.data)
    [*_, completed] = await frames(engine, completion())
    assert tokens["count"] == len(tokens["tokens"]) == json.loads(completed.data)["usage"]["prompt_tokens"]


@pytest.mark.parametrize("endpoint", ["embeddings", "score", "rerank"])
async def test_a_model_that_generates_has_no_vectors(engine: Engine, endpoint: Endpoint) -> None:
    """The refusal is about the model."""
    with pytest.raises(Invalid) as refusal:
        await frames(engine, ask(endpoint, input="x", queries="x", query="x", documents=["x"]))
    assert refusal.value.param == "model"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ask("responses", input=7), "input"),
        (ask("responses", input="x", max_output_tokens="many"), "max_output_tokens"),
        (ask("responses", input="x", temperature="hot"), "temperature"),
        (ask("messages", messages="x", max_tokens=5), "messages"),
        (ask("messages", messages=MESSAGE.body["messages"], max_tokens="many"), "max_tokens"),
        (ask("count_tokens", messages="x"), "messages"),
        (ask("tokenize", prompt=7), "prompt"),
    ],
)
async def test_wrong_fields_of_every_surface_are_refused_by_name(engine: Engine, request_: Request, field: str) -> None:
    """Before any frame, as Invalid, with the field at fault in ``param``."""
    with pytest.raises(Invalid) as refusal:
        await frames(engine, request_)
    assert refusal.value.param is not None
    assert refusal.value.param.startswith(field)


@pytest.mark.parametrize(
    "request_",
    [
        ask("responses", input="word " * 3000),
        ask("messages", messages=[{"role": "user", "content": "word " * 3000}], max_tokens=5),
    ],
    ids=["responses", "messages"],
)
async def test_a_prompt_too_long_is_told_as_such_on_every_surface(engine: Engine, request_: Request) -> None:
    """The code is the same, whatever the field is called."""
    with pytest.raises(ContextTooLong) as refusal:
        await frames(engine, request_)
    assert refusal.value.param == ("input" if request_.endpoint == "responses" else "messages")


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
