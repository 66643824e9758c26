"""A remote model against a real gateway of this product over synthetic engines, reached through a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import ContextTooLong, DeadlineExceeded, Misconfigured, Overloaded, Rejected
from deployments.remote.model import RemoteModel
from deployments.request import Request, Resume
from tests.deployments.gateway.building import (
    EngineTransport,
    ask,
    engines,
    gateway,
    listening,
    until,
    with_pooling,
)
from tests.deployments.remote.far import answer as wire
from tests.deployments.remote.far import answered, far, remote, says
from tests.deployments.scripted import chat, context

SLOW = SyntheticSpec.model_validate({"step": {"base_ms": 20}, "output_tokens": 1000})
ENDPOINTS = ["chat", "completion", "messages", "embeddings"]


@asynccontextmanager
async def other_cluster(**specs: SyntheticSpec) -> AsyncIterator[tuple[str, EngineTransport]]:
    """Run a whole gateway; yields its base URL and its engines."""
    async with engines(**specs) as far, listening(gateway(far, **with_pooling())) as calls:
        yield f"{calls.base_url}/v1".replace("//v1", "/v1"), far


@asynccontextmanager
async def reached(url: str, **fields: Any) -> AsyncIterator[RemoteModel]:
    model = remote(url, **{"model": "dense", "endpoints": ENDPOINTS, **fields})
    try:
        yield model
    finally:
        await model.close()


async def test_a_stream_is_that_of_the_other_side_but_for_the_name() -> None:
    """Bytes, text, tokens, usage and the end; who answered is told as for a pool."""
    async with other_cluster() as (url, _), reached(url) as model:
        frames = await answered(model, chat("hi", stream=True, max_tokens=7))
        data = b"".join(frame.data for frame in frames)
        events = [json.loads(line[6:]) for line in data.decode().split("\n\n") if line.startswith("data: {")]
    assert data.endswith(b"data: [DONE]\n\n")
    assert {event["model"] for event in events} == {"cloud"}
    assert all(event["choices"] for event in events), "usage was not asked for by the client"
    text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
    assert text == "".join(frame.text for frame in frames) != ""
    assert sum(frame.tokens for frame in frames) == 7
    assert [frame.finish_reason for frame in frames if frame.finish_reason] == ["length"]
    assert [frame.prompt_tokens for frame in frames if frame.prompt_tokens]
    assert [frame.head.model for frame in frames if frame.head] == ["cloud"]
    assert frames[0].head is not None


async def test_usage_reaches_the_client_that_asks_for_it() -> None:
    """The event that reports it passes, under the client's name."""
    async with other_cluster() as (url, _), reached(url) as model:
        asked = chat("hi", stream=True, max_tokens=3, stream_options={"include_usage": True})
        data = b"".join(frame.data for frame in await answered(model, asked))
    usage = [json.loads(line[6:]) for line in data.decode().split("\n\n") if '"usage":{' in line]
    assert [one["usage"]["completion_tokens"] for one in usage] == [3]
    assert usage[0]["model"] == "cloud"


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", ask("hi", max_tokens=5)),
        ("completion", {"prompt": "hi", "max_tokens": 5}),
        ("messages", ask("hi", max_tokens=5)),
    ],
)
async def test_whole_answers(endpoint: Any, body: dict[str, Any]) -> None:
    """An empty frame with the head, then one with the body and its usage."""
    async with other_cluster() as (url, _), reached(url) as model:
        first, second = await answered(model, Request(endpoint=endpoint, model="cloud", body=body))
    assert (first.data, first.head is not None) == (b"", True)
    assert json.loads(second.data)["model"] == "cloud"
    assert (second.tokens, second.finish_reason) == (5, "length")
    assert second.prompt_tokens
    assert second.text


async def test_messages_are_streamed() -> None:
    """Anthropic's events are relayed and read like OpenAI's."""
    async with other_cluster() as (url, _), reached(url) as model:
        body = ask("hi", max_tokens=4, stream=True)
        frames = await answered(model, Request(endpoint="messages", model="cloud", body=body, stream=True))
    assert sum(frame.tokens for frame in frames) == 4
    assert b'"model":"cloud"' in frames[0].data
    assert frames[-1].data.endswith(b'{"type":"message_stop"}\n\n')


async def test_vectors() -> None:
    """A remote pooling model answers embeddings."""
    async with other_cluster() as (url, _), reached(url, model="embed") as model:
        frames = await answered(model, Request(endpoint="embeddings", model="cloud", body={"input": ["a", "b"]}))
    assert len(json.loads(frames[-1].data)["data"]) == 2


async def test_closing_the_stream_aborts_the_request_on_the_other_side() -> None:
    """The far engine counts the abort within a second, and is idle."""
    async with other_cluster(dense=SLOW) as (url, there), reached(url) as model:
        request = chat("hi", model="cloud", stream=True)
        async with aclosing(model.stream(request, context())) as frames:
            await anext(frames)
            assert there.engines["dense"].signals().running == 1
        await until(lambda: there.engines["dense"].signals().aborted_total == 1, within_s=1.0)
        assert there.engines["dense"].signals().running == 0


async def test_the_deadline_ends_a_stream() -> None:
    """Whatever the other side does."""
    async with other_cluster(dense=SLOW) as (url, there), reached(url) as model:
        loop = asyncio.get_running_loop()
        with pytest.raises(DeadlineExceeded):
            await answered(model, chat("hi", stream=True), deadline_s=loop.time() + 0.3)
        await until(lambda: there.engines["dense"].signals().aborted_total == 1, within_s=1.0)


async def test_no_more_than_its_concurrency_is_sent() -> None:
    """One more is refused at once; a place that becomes free is taken again."""
    async with other_cluster(dense=SLOW) as (url, _), reached(url, concurrency=1) as model:
        request = chat("hi", model="cloud", stream=True)
        async with aclosing(model.stream(request, context())) as frames:
            await anext(frames)
            with pytest.raises(Overloaded, match="1 requests are under way"):
                await answered(model, chat("hi", stream=True))
        assert await answered(model, chat("hi", stream=True, max_tokens=1))


async def test_refusals_of_the_other_side_keep_their_kind() -> None:
    """A prompt that is too long is the client's fault there as here; an overload is one with its advice."""
    refusing = SyntheticSpec.model_validate({"faults": {"refuse": True}})
    async with other_cluster(moe=refusing) as (url, _), reached(url) as model, reached(url, model="moe") as full:
        with pytest.raises(ContextTooLong, match="cloud: "):
            await answered(model, chat("word " * 20_000, stream=True))
        with pytest.raises(Overloaded) as caught:
            await answered(full, chat("hi", stream=True))
        assert caught.value.retry_after_s == 1.0


async def test_a_name_that_the_other_side_does_not_know_is_the_operators_to_mend(caplog: Any) -> None:
    """The client is not told names, and the log is."""
    async with other_cluster() as (url, _), reached(url, model="nobody") as model:
        with pytest.raises(Misconfigured) as caught:
            await answered(model, chat("hi"))
    assert "nobody" not in caught.value.message
    assert caught.value.code == "misconfigured"


async def test_what_a_remote_model_cannot_do_is_refused_before_anything_is_sent() -> None:
    """To go on with another's answer, and endpoints that its server has not."""
    async with reached("http://127.0.0.1:9/v1", endpoints=["chat"]) as model:
        resumed = Request(
            endpoint="chat", model="cloud", body=ask(), stream=True, resume=Resume(model="dense", text="a")
        )
        for request in (resumed, Request(endpoint="embeddings", model="cloud", body={"input": "a"})):
            with pytest.raises(Rejected):
                await answered(model, request)


def test_readiness_does_not_wait_for_other_servers() -> None:
    """A gateway that leads to a remote model alone is ready at once."""
    models = {
        "cloud": {"family": "remote", "remote": {"family": "remote", "url": "https://a.example/v1", "model": "x"}}
    }
    served = gateway(
        EngineTransport({}), lambda: None, models=models, graph={}, default="cloud", remote_hosts=["a.example"]
    )
    assert served.readiness().told() == {"ready": True, "reason": "cloud is answered by cloud", "pools": {}}


async def test_fields_that_an_endpoint_does_not_know_may_hold_anything() -> None:
    """What the check of bodies lets through breaks no stream."""
    async with other_cluster() as (url, _), reached(url) as model:
        body = {**ask("hi", max_tokens=4, stream=True), "stream_options": 5}
        frames = await answered(model, Request(endpoint="messages", model="cloud", body=body, stream=True))
    assert sum(frame.tokens for frame in frames) == 4


async def test_no_cookie_is_kept() -> None:
    """One client's session at the server is not another's."""
    said = b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}'
    async with (
        far(says(wire("200 OK", said, "set-cookie: node=7; Path=/"))) as server,
        reached(server.url) as model,
    ):
        await answered(model, chat("hi"))
        await answered(model, chat("hi"))
    assert ["cookie" in asked.headers for asked in server.asked] == [False, False]


async def test_a_model_that_is_closed_turns_requests_away() -> None:
    """Before any work was done, so that another target may answer."""
    async with other_cluster() as (url, _), reached(url) as model:
        await model.close()
        with pytest.raises(Rejected, match="cloud: "):
            await answered(model, chat("hi"))
