"""What every engine tells of its tokens, and how it goes on with an answer that began in another."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from deployments.engines.synthetic import SyntheticEngine
from deployments.errors import Invalid
from deployments.graph.emitted import Emitted
from deployments.request import Frame, Request, Resume
from tests.contracts.test_engine import ENGINES
from tests.deployments.engines.asking import chat, completion, events, frames, text_of
from tests.e2e.reference import assert_float32_equal
from tests.e2e.trio import PROMPTS

CONTEXT = 256
SPECS: dict[str, dict[str, Any]] = {
    "synthetic": {
        "runtime": "synthetic",
        "synthetic": {"slots": 4, "max_model_len": CONTEXT, "step": {"base_ms": 1, "per_sequence_us": 10}},
    },
    # In float32 a token is the same whether what precedes it was prefilled or decoded.
    "vllm": {"runtime": "vllm", "engine": {"max_num_seqs": 4, "max_model_len": CONTEXT, "dtype": "float32"}},
}
USAGE = {"stream_options": {"include_usage": True}}
TOKENS = 16

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ENGINES)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    spec = {"name": "dense", "pool": "dense", "family": "dense", "source": "demo/dense", **SPECS[request.param]}
    built = await build_engine(spec, "dense#1", lambda _: None)
    await built.start()
    yield built
    await built.stop()


def streamed(make: Callable[..., Request], **body: Any) -> Request:
    return make(stream=True, **{"max_tokens": TOKENS, **USAGE, **body})


def told(answered: list[Frame]) -> dict[str, Any]:
    """Return what the client is told, however an engine that was busy has cut it into events."""
    *found, mark = events(answered)
    choices = [choice for event in found for choice in event["choices"]]
    added = [choice.get("delta") or choice for choice in choices]
    return {
        "fields": sorted({name for part in (*found, *choices, *added) for name in part}),
        "text": "".join(part.get("content") or part.get("text") or "" for part in added),
        "logprobs": [entry for choice in choices for entry in _listed(choice["logprobs"])],
        "ends": [choice["finish_reason"] for choice in choices if choice["finish_reason"]],
        "usages": [event["usage"] for event in found if event.get("usage")],
        "mark": mark,
    }


def _listed(logprobs: dict[str, Any] | None) -> list[Any]:
    """Return one entry a token, whether it is a chat's or a completion's."""
    if logprobs is None:
        return []
    return logprobs.get("content") or list(zip(*(logprobs[name] for name in sorted(logprobs)), strict=True))


def by_token(answered: list[Frame], tokens: int) -> Resume:
    """Return how to go on after *tokens* tokens, by the frames up to there; whole frames only."""
    emitted = Emitted()
    for frame in answered:
        if emitted.tokens + frame.tokens > tokens:
            break
        emitted.saw(frame)
    return emitted.resume()


def usage_of(answered: list[Frame]) -> dict[str, Any]:
    usage: dict[str, Any] = events(answered)[-2]["usage"]
    return {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}


@pytest.mark.parametrize("make", [chat, completion])
async def test_a_traced_stream_tells_its_tokens(engine: Engine, make: Callable[..., Request]) -> None:
    """One id a token, the same for the same answer; whoever does not ask gets none."""
    plain = await frames(engine, streamed(make))
    traced = await frames(engine, replace(streamed(make), traced=True))
    again = await frames(engine, replace(streamed(make), traced=True))
    ids = [token for frame in traced for token in frame.ids]
    assert [token for frame in again for token in frame.ids] == ids
    assert all(len(frame.ids) == frame.tokens for frame in traced)
    assert len(ids) == usage_of(traced)["completion_tokens"]
    assert all(frame.ids == () for frame in plain)
    assert told(traced) == told(plain)


async def test_the_reason_to_end_comes_with_the_end_mark_where_tokens_are_traced(engine: Engine) -> None:
    """What follows the last token may not get lost on its own."""
    answered = await frames(engine, replace(streamed(chat), traced=True))
    (last,) = [frame for frame in answered if frame.finish_reason]
    assert last is answered[-1]
    assert last.data.endswith(b"data: [DONE]\n\n")
    assert last.prompt_tokens


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "request_",
    [
        chat(),
        completion(),
        chat(logprobs=True),
        chat(logprobs=True, top_logprobs=1),
        chat(logprobs=True, top_logprobs=3),
        completion(logprobs=0),
        completion(logprobs=1),
        completion(logprobs=4),
    ],
    ids=lambda request: f"{request.endpoint}-{request.body.get('logprobs')}-{request.body.get('top_logprobs')}",
)
async def test_a_judged_answer_tells_how_sure_the_model_was(engine: Engine, request_: Request, stream: bool) -> None:
    """Sums over its tokens; what the client gets, log-probabilities included, is the same as without."""
    request_ = replace(request_, stream=stream)
    plain = await frames(engine, request_)
    judged = await frames(engine, replace(request_, judged=True))
    if stream:
        assert told(judged) == told(plain)
    else:
        bodies = [json.loads(answered[-1].data) for answered in (judged, plain)]
        assert {**bodies[0], "id": 0, "created": 0} == {**bodies[1], "id": 0, "created": 0}
    logprob, margin = (sum(getattr(frame, name) for frame in judged) for name in ("logprob", "margin"))
    assert -50 < logprob < 0
    assert margin > 0
    assert all(frame.logprob == frame.margin == 0 for frame in plain)


async def test_the_sum_of_log_probabilities_is_the_one_on_the_wire(engine: Engine) -> None:
    """As the client's own log-probabilities add up."""
    if isinstance(engine, SyntheticEngine):
        pytest.skip("a synthetic engine writes no log-probabilities")
    (*_, answered) = await frames(engine, replace(chat(logprobs=True, top_logprobs=2), judged=True))
    content = json.loads(answered.data)["choices"][0]["logprobs"]["content"]
    assert answered.logprob == pytest.approx(sum(token["logprob"] for token in content), abs=1e-3)
    tops = [[one["logprob"] for one in token["top_logprobs"]] for token in content]
    assert answered.margin == pytest.approx(sum(first - second for first, second in tops), abs=1e-3)


@pytest.mark.parametrize("make", [chat, completion])
async def test_an_answer_goes_on_after_any_number_of_tokens(engine: Engine, make: Callable[..., Request]) -> None:
    """The rest and nothing else: text, ids, reason and usage are those of the undisturbed run, the id is the same."""
    request = replace(streamed(make), traced=True)
    whole = await frames(engine, request, "same")
    for after in range(sum(frame.tokens for frame in whole)):
        resume = by_token(whole, after)
        rest = await frames(engine, replace(request, resume=resume), "same")
        assert resume.text + text_of(rest) == text_of(whole), f"after {after}"
        assert [*resume.ids, *(token for frame in rest for token in frame.ids)] == [i for f in whole for i in f.ids]
        assert sum(frame.tokens for frame in rest) == sum(frame.tokens for frame in whole) - len(resume.ids)
        assert usage_of(rest) == usage_of(whole)
        assert rest[-1].finish_reason == whole[-1].finish_reason
        assert {event["id"] for event in events(rest)[:-1]} == {event["id"] for event in events(whole)[:-1]}
        assert [frame.head is not None for frame in rest] == [True] + [False] * (len(rest) - 1)
        choices = [choice for event in events(rest)[:-1] for choice in event["choices"]]
        assert not [choice for choice in choices if choice.get("delta", {}).get("role")]
        said = "".join(choice["delta"].get("content") or "" if make is chat else choice["text"] for choice in choices)
        assert resume.text + said == text_of(whole)


async def test_going_on_twice_is_going_on_once(engine: Engine) -> None:
    """What was gone on with can break again."""
    request = replace(streamed(chat), traced=True)
    whole = await frames(engine, request)
    first = by_token(whole, 4)
    second = await frames(engine, replace(request, resume=first))
    emitted = Emitted(first)
    for frame in second[: len(second) // 2]:
        emitted.saw(frame)
    third = await frames(engine, replace(request, resume=emitted.resume()))
    assert emitted.resume().text + text_of(third) == text_of(whole)
    assert usage_of(third) == usage_of(whole)


async def test_a_stop_string_is_found_across_the_break(engine: Engine) -> None:
    """Text that was held back because a stop string might begin in it is neither lost nor let through."""
    if isinstance(engine, SyntheticEngine):
        pytest.skip("a synthetic engine has no stop strings")
    free = text_of(await frames(engine, streamed(completion)))
    stop = free[len(free) // 2 : len(free) // 2 + 9]
    request = replace(streamed(completion, stop=stop), traced=True)
    whole = await frames(engine, request)
    assert whole[-1].finish_reason == "stop"
    assert text_of(whole) == free[: free.index(stop)]
    for after in range(sum(frame.tokens for frame in whole)):
        resume = by_token(whole, after)
        rest = await frames(engine, replace(request, resume=resume))
        assert resume.text + text_of(rest) == text_of(whole), f"after {after}"
        assert rest[-1].finish_reason == "stop"
        assert usage_of(rest) == usage_of(whole)


async def test_characters_of_several_tokens_survive_the_break(engine: Engine) -> None:
    """A token may end in the middle of a character; its other half comes after the break."""
    request = replace(streamed(chat, text="用一句话介绍长城。🙂🙂🙂", max_tokens=24), traced=True)
    whole = await frames(engine, request)
    for after in range(0, 24, 3):
        resume = by_token(whole, after)
        assert resume.text + text_of(await frames(engine, replace(request, resume=resume))) == text_of(whole)


async def test_another_models_text_is_gone_on_from(engine: Engine) -> None:
    """Its tokens are nothing to this one, which reads the text, adds to it, and counts it as its own."""
    resume = Resume(model="other", text=" Paris, which lies", ids=(1, 2, 3))
    rest = await frames(engine, replace(streamed(completion, ignore_eos=True), resume=resume))
    usage = usage_of(rest)
    added = sum(frame.tokens for frame in rest)
    assert usage["completion_tokens"] == TOKENS
    assert 0 < added < TOKENS
    assert usage["prompt_tokens"] == usage_of(await frames(engine, streamed(completion)))["prompt_tokens"]
    assert not text_of(rest).startswith(resume.text)
    assert text_of(rest)


async def test_an_answer_of_which_no_token_is_left_ends_at_once(engine: Engine) -> None:
    """Another model's text may have used all of them up."""
    resume = Resume(model="other", text="one two three four five six seven eight")
    before = engine.signals().generated_tokens_total
    rest = await frames(engine, replace(streamed(chat, max_tokens=4), resume=resume))
    assert engine.signals().generated_tokens_total == before
    assert text_of(rest) == ""
    assert [frame.finish_reason for frame in rest if frame.finish_reason] == ["length"]
    assert events(rest)[-1] == "[DONE]"
    assert rest[0].head is not None


async def test_a_limit_counts_what_was_delivered(engine: Engine) -> None:
    """The context too: the answer ends where it would have ended."""
    request = replace(streamed(chat, text="word " * 100, max_tokens=CONTEXT, ignore_eos=True), traced=True)
    whole = await frames(engine, request)
    resume = by_token(whole, 60)
    rest = await frames(engine, replace(request, resume=resume))
    assert len(resume.ids) > 30
    assert usage_of(rest) == usage_of(whole)
    assert rest[-1].finish_reason == "length"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (chat(stream=True, n=2), "n"),
        (chat(), "stream"),
        (chat(stream=True, response_format={"type": "json_object"}), "response_format"),
        (completion(stream=True, echo=True), "echo"),
    ],
)
async def test_what_cannot_be_gone_on_with_is_refused_by_name(engine: Engine, request_: Request, field: str) -> None:
    """As Invalid, before any frame."""
    with pytest.raises(Invalid) as refusal:
        await frames(engine, replace(request_, resume=Resume(model="dense", text="x")))
    assert refusal.value.param == field


async def test_every_token_is_the_reference_models(engine: Engine) -> None:
    """In float32, greedily, each is what transformers chooses after the same tokens."""
    if isinstance(engine, SyntheticEngine):
        pytest.skip("a synthetic engine has no reference")
    asked = [chat(prompt, max_tokens=24, return_token_ids=True) for prompt in PROMPTS]
    answered = await asyncio.gather(*(frames(engine, one) for one in asked))
    tokens = [json.loads(one[-1].data)["choices"][0]["token_ids"] for one in answered]
    assert_float32_equal("demo/dense", PROMPTS, tokens)


async def test_the_mean_probability_can_be_set() -> None:
    """A synthetic model can be made unsure."""
    means = []
    for confidence in (0.95, 0.4):
        spec = {"name": "m", "family": "dense", "runtime": "synthetic", "synthetic": {"confidence": confidence}}
        spec["synthetic"] = {"confidence": confidence, "step": {"base_ms": 0, "per_sequence_us": 1}}
        built = await build_engine(spec, "m#1", lambda _: None)
        await built.start()
        answered = await frames(built, replace(chat(max_tokens=400, ignore_eos=True), judged=True))
        means.append(answered[-1].logprob / sum(frame.tokens for frame in answered))
        await built.stop()
    assert means == pytest.approx([math.log(0.95), math.log(0.4)], rel=0.15)
