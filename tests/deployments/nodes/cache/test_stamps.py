"""What is written anew into an answer: the real bytes of every surface."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from deployments.nodes.cache.stamps import fresh, renewed, stamps
from deployments.request import Frame
from tests.deployments.gateway.building import ask, client, engines, gateway
from tests.deployments.scripted import NOON, context
from tests.exposition import exposition

GRAPH = {"known": {"cache": "dense"}}
SURFACES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", ask(temperature=0, max_tokens=4)),
    "completion": ("/v1/completions", {"prompt": "hi", "temperature": 0, "max_tokens": 4}),
    "messages": ("/v1/messages", ask(temperature=0, max_tokens=4)),
    "responses": ("/v1/responses", {"input": "hi", "temperature": 0, "max_output_tokens": 4, "store": False}),
}


def ids(body: bytes) -> set[str]:
    """Return every id of an answer that is to be its own."""
    found = set()
    for line in body.removeprefix(b"\n").splitlines():
        text = line.removeprefix(b"data:").strip()
        if text.startswith(b"{"):
            told = msgspec.json.decode(text)
            found |= {one["id"] for one in (told, told.get("message"), told.get("response")) if one and one.get("id")}
    return found


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("surface", SURFACES)
async def test_every_surface_gets_an_id_of_its_own(surface: str, stream: bool) -> None:
    """Three clients, three ids, one answer; and the client is told what it was."""
    path, body = SURFACES[surface]
    async with engines() as transport:
        served = gateway(transport, graph=GRAPH, default="known")
        async with client(served) as calls:
            told = [await calls.post(path, json={**body, "stream": stream, "model": "known"}) for _ in range(3)]
            metrics = exposition(served.metrics).decode()
        await served.close()
    assert [one.status_code for one in told] == [200] * 3
    assert [one.headers["x-tercet-cache"] for one in told] == ["miss", "hit", "hit"]
    assert [one.headers["x-tercet-path"] for one in told] == ["known>dense"] * 3
    named = [ids(one.content) for one in told]
    assert all(len(one) == 1 for one in named)
    assert len(set.union(*named)) == 3
    plain = [one.content.replace(next(iter(mine)).encode(), b"ID") for one, mine in zip(told, named, strict=True)]
    assert len({len(one) for one in plain}) == 1
    assert 'tercet_cache_requests_total{node="known",outcome="hit"} 2.0' in metrics


CALL = rb'"tool_calls":[{"id":"call_1"}]'
SAID = rb"\"id\":\"chatcmpl-r1\""
FIRST = [
    b'{"id":"chatcmpl-r1","created":17,"choices":[{"message":{"content":"' + SAID + b'",' + CALL + b"}}]}",
    b'{"id":"chatcmpl-r1","created":17,\n\n"choices":[{"message":{"content":"' + SAID + b'",' + CALL + b"}}]}",
    b'data: {"choices":[{"delta":{' + CALL + b'}}],"created": 17,"id": "chatcmpl-r1"}' + b"\n\n",
    b": comment\n\ndata: not json\n\ndata: [1]\n\n" + b'data: {"id":"chatcmpl-r1","created":17}' + b"\n\n",
]


@pytest.mark.parametrize("first", FIRST)
def test_only_the_answers_own_id_is_changed(first: bytes) -> None:
    """Not a tool call's, and not what the model said."""
    found = stamps(first)
    assert {stamp.said for stamp in found} == {"chatcmpl-r1", 17}
    mine = context(request_id='r"2', now=NOON + timedelta(seconds=5))
    after = renewed(Frame(data=first), found, fresh(found, "r1", mine)).data
    assert b'"call_1"' in after or b"call_1" not in first
    assert after.count(b'chatcmpl-r\\"2') == 1
    assert (SAID in after) == (SAID in first)
    assert str(int(NOON.timestamp()) + 5).encode() in after


@pytest.mark.parametrize("first", [b"", b"{}", b"[]", b"\xff", b'{"id":5}', b'{"id":null,"created":"x"}', b"{" * 5000])
def test_what_says_nothing_is_left_alone(first: bytes) -> None:
    """Whatever the bytes are."""
    assert stamps(first) == ()


def test_an_id_that_is_not_the_calls_becomes_one_that_nobody_has() -> None:
    """Of the same form."""
    found = stamps(b'{"id":"resp_0123456789abcdef"}')
    one, other = (fresh(found, "r1", context())[0] for _ in range(2))
    assert one != other
    assert one.startswith(b'"id":"resp_')


@pytest.mark.parametrize("said", [b'"created":18', b'"id":"chatcmpl-r2"', b'"created":170', b'"id": "a"'])
def test_what_a_later_event_says_is_written_anew_as_well(said: bytes) -> None:
    """Though most say what the first did."""
    told = b'data: {"id":"chatcmpl-r1","created":17}\n\n'
    found = stamps(told + told + b"data: {" + said + b"}\n\n" + told)
    assert {stamp.was for stamp in found} == {b'"id":"chatcmpl-r1"', b'"created":17', said}


async def test_a_stream_that_hits_ends_as_it_should() -> None:
    """The mark at the end comes once, and usage is told as it was."""
    body = {**ask(temperature=0, max_tokens=6), "stream": True, "stream_options": {"include_usage": True}}
    async with engines() as transport, client(gateway(transport, graph=GRAPH, default="known")) as calls:
        told = await asyncio.gather(*(calls.post("/v1/chat/completions", json=body) for _ in range(2)))
        again = await calls.post("/v1/chat/completions", json=body)
    for one in (*told, again):
        assert one.text.count("[DONE]") == 1
        assert '"completion_tokens":6' in one.text
