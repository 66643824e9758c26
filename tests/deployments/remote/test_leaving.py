"""What another server gets to see of personal data: nothing, whichever way a request took to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import Invalid, ServingError, Withheld
from deployments.nodes.fallback.on import USUAL, moves_on
from deployments.remote.spec import RemoteEndpoint
from deployments.request import Frame, Request
from tests.deployments.gateway.building import EngineTransport, ask, client, engines, gateway, settings, until
from tests.deployments.remote.far import SSE, Far, answer, answered, chunk, far, remote
from tests.deployments.remote.test_edge_to_cloud import edge
from tests.deployments.scripted import chat
from tests.exposition import exposition

MAIL, PHONE = "bob@example.com", "13800138000"
SAYS = f"I am {MAIL}, call {PHONE}."
ENDPOINTS = list(get_args(RemoteEndpoint))
REDACT: dict[str, Any] = {"endpoints": ENDPOINTS, "redact": {}}


def told(body: dict[str, Any]) -> str:
    """Return the last thing that was said in a chat."""
    return str(body["messages"][-1]["content"]) if body.get("messages") else ""


@asynccontextmanager
async def echo(cuts: tuple[int, ...] = ()) -> AsyncIterator[Far]:
    """Answer every chat with what it was sent, in pieces that end at *cuts*; everything else with its whole body."""
    servers: list[Far] = []

    async def play(writer: Any) -> None:
        body = servers[0].asked[-1].body
        text = told(body)
        if body.get("stream"):
            ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
            parts = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
            data = SSE + b"".join(map(chunk, parts)) + chunk("", finish_reason="stop") + b"data: [DONE]\n\n"
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 3}
            data = answer("200 OK", json.dumps({"choices": [choice], "usage": usage, "echo": body}).encode())
        writer.write(data)
        await writer.drain()
        writer.close()

    async with far(play) as there:
        servers.append(there)
        yield there


def text_of(frames: list[Frame]) -> str:
    return "".join(frame.text for frame in frames)


def sent(there: Far) -> str:
    """Return all that the server was sent."""
    return json.dumps([[one.line, one.headers, one.body] for one in there.asked])


async def refused(there: Far, request: Request, **fields: Any) -> Withheld:
    """Return what *request* is refused with; nothing of it has been sent."""
    model = remote(there.url, **{**REDACT, **fields})
    with pytest.raises(Withheld) as caught:
        await answered(model, request)
    await model.close()
    assert there.asked == []
    return caught.value


@pytest.mark.parametrize("stream", [False, True])
async def test_placeholders_leave_and_originals_come_back(stream: bool) -> None:
    """And the client is told what was replaced."""
    async with echo() as there:
        model = remote(there.url, **REDACT)
        frames = await answered(model, chat(SAYS, stream=stream))
        await model.close()
    assert told(there.asked[0].body) == "I am <EMAIL_1>, call <PHONE_1>."
    assert text_of(frames) == SAYS
    assert SAYS in b"".join(frame.data for frame in frames).decode() or stream
    assert [frame.head.notes for frame in frames if frame.head] == [{"redacted": "EMAIL=1, PHONE=1"}]


async def test_streams_are_restored_wherever_they_are_cut() -> None:
    """In two at every place, and letter by letter."""
    length = len("I am <EMAIL_1>, call <PHONE_1>.")
    for cuts in (*((cut,) for cut in range(length)), tuple(range(length))):
        async with echo(cuts) as there:
            model = remote(there.url, **REDACT)
            assert text_of(await answered(model, chat(SAYS, stream=True))) == SAYS
            await model.close()


async def test_without_it_everything_leaves() -> None:
    """The server that these tests ask would show it."""
    async with echo() as there:
        model = remote(there.url)
        await answered(model, chat(SAYS))
        await model.close()
    assert MAIL in sent(there)


CALL = {"type": "tool_use", "id": "t", "name": "f"}
BODIES: list[tuple[RemoteEndpoint, dict[str, Any]]] = [
    ("chat", {"messages": [{"role": "user", "name": MAIL, "content": "hi"}]}),
    ("chat", {"messages": [], "response_format": {"schema": {"description": MAIL, "maximum": 2147483647}}}),
    ("messages", {"messages": [{"role": "assistant", "content": [{**CALL, "input": {"name": MAIL}}]}]}),
    ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": SAYS}]}], "user": MAIL}),
    ("chat", {"messages": [], "tools": [{"type": "function", "function": {"name": "f", "description": MAIL}}]}),
    ("completion", {"prompt": [MAIL], "suffix": MAIL, "stop": [MAIL]}),
    ("messages", {"system": MAIL, "messages": [{"role": "user", "content": SAYS}]}),
    ("count_tokens", {"system": [{"type": "text", "text": MAIL}], "messages": []}),
    ("embeddings", {"input": [MAIL, "x"]}),
    ("score", {"queries": MAIL, "documents": [{"text": MAIL}]}),
    ("score", {"text_1": MAIL, "text_2": [MAIL]}),
    ("rerank", {"query": MAIL, "documents": [MAIL]}),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "body"), BODIES)
async def test_every_endpoint_sends_placeholders(endpoint: RemoteEndpoint, body: dict[str, Any]) -> None:
    """Whatever field holds the text; with `block` none of them sends anything."""
    async with echo() as there:
        request = Request(endpoint=endpoint, model="cloud", body=body)
        await refused(there, request, redact={"action": "block"})
        model = remote(there.url, **REDACT)
        await answered(model, request)
        await model.close()
    assert "<EMAIL_1>" in sent(there)
    assert MAIL not in sent(there)


def test_every_endpoint_is_among_them() -> None:
    """A new one needs an answer to what it may send."""
    assert {endpoint for endpoint, _ in BODIES} == set(ENDPOINTS)


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
NUMBER = {**CALL, "input": {"a": int(PHONE)}}
UNSENT: list[tuple[RemoteEndpoint, dict[str, Any], str]] = [
    ("completion", {"prompt": [1, 2, 3]}, "prompt"),
    ("completion", {"prompt": [[1, 2, 3]]}, "prompt"),
    ("completion", {"prompt": "hi", "prompt_embeds": "AAAA"}, "prompt_embeds"),
    ("chat", {"messages": [], "prompt_token_ids": [1]}, "prompt_token_ids"),
    ("embeddings", {"input": [[1, 2]]}, "input"),
    ("score", {"text_1": [[1, 2]], "text_2": "a"}, "text_1"),
    ("rerank", {"query": [1], "documents": ["a"]}, "query"),
    ("rerank", {"query": "a", "documents": [[[1]]]}, "documents"),
    ("chat", {"messages": [{"role": "user", "content": [IMAGE]}]}, "messages[0].content[0].image_url"),
    ("embeddings", {"messages": [{"role": "user", "content": [IMAGE]}]}, "messages[0].content[0].image_url"),
    ("messages", {"messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "text", "data": MAIL}}]}]}, "messages[0].content[0]"),
    ("chat", {"messages": [], "metadata": {MAIL: "x"}}, "metadata"),
    ("chat", {"messages": [], "response_format": {"schema": {"pattern": MAIL}}}, "response_format"),
    ("chat", {"messages": [], "anything": [{"deep": MAIL}]}, "anything"),
    ("chat", {"messages": [], "cache_salt": MAIL}, "cache_salt"),
    ("chat", {"messages": [], MAIL: 1}, "body"),
    ("chat", {"messages": [], "metadata": {**{f"key{at}": "x" for at in range(2000)}, MAIL: "x"}}, "metadata"),
    ("messages", {"messages": [{"role": "assistant", "content": [{**CALL, "input": {MAIL: "x"}}]}]}, "messages"),
    ("messages", {"messages": [{"role": "assistant", "content": [{**CALL, "name": MAIL, "input": {}}]}]}, "messages"),
    ("messages", {"messages": [{"role": "assistant", "content": [NUMBER]}]}, "messages"),
    ("messages", {"messages": [{"role": "assistant", "content": [{**NUMBER, "input": [float(PHONE)]}]}]}, "messages"),
]  # fmt: skip


@pytest.mark.parametrize("action", ["mask", "block"])
@pytest.mark.parametrize(("endpoint", "body", "param"), UNSENT)
async def test_what_cannot_be_replaced_is_refused(
    action: str, endpoint: RemoteEndpoint, body: dict[str, Any], param: str
) -> None:
    """Never sent as it is; the field is named."""
    async with echo() as there:
        error = await refused(there, Request(endpoint=endpoint, model="", body=body), redact={"action": action})
    assert error.param == param
    assert MAIL not in error.message


async def test_ids_of_calls_and_bounds_of_schemas_pass() -> None:
    """They look like secrets and like numbers of telephones, and are neither."""
    name = "call_a8Xk2PzQ9vLm4TnR7sWd1YbE"
    call = {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    bounds = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 2147483647}}}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": name, "content": "done"},
    ]
    tools = [{"type": "function", "function": {"name": "f", "parameters": bounds}}]
    async with echo() as there:
        model = remote(there.url, **REDACT)
        await answered(model, Request(endpoint="chat", model="", body={"messages": messages, "tools": tools}))
        await model.close()
    assert there.asked[0].body["messages"] == messages
    assert there.asked[0].body["tools"] == tools


async def test_the_clients_own_id_of_a_request_does_not_leave_with_data_in_it() -> None:
    """It is a header, and clients choose it."""
    async with echo() as there:
        model = remote(there.url, **REDACT)
        await answered(model, chat(), request_id=MAIL)
        await answered(model, chat(), request_id="mine")
        await model.close()
    assert MAIL not in sent(there)
    assert [one.headers["x-request-id"] == "mine" for one in there.asked] == [False, True]


async def test_numbers_of_any_size_pass() -> None:
    """Those that are no one's."""
    content = [{**CALL, "input": {"a": 10**400, "b": 1e300, "c": 3, "d": True}}]
    async with echo() as there:
        model = remote(there.url, **REDACT)
        body = {"messages": [{"role": "assistant", "content": content}]}
        await answered(model, Request(endpoint="messages", model="", body=body))
        await model.close()
    assert len(there.asked) == 1


async def test_only_the_entities_that_are_named_are_held_back() -> None:
    """The others leave."""
    async with echo() as there:
        model = remote(there.url, redact={"entities": ["PHONE"]})
        assert text_of(await answered(model, chat(SAYS))) == SAYS
        await model.close()
    assert told(there.asked[0].body) == f"I am {MAIL}, call <PHONE_1>."


def test_a_fallback_moves_on_after_a_request_that_may_not_leave() -> None:
    """Although clients are told that it is theirs; a request that is wrong moves nowhere."""
    error: ServingError = Withheld("x")
    assert moves_on(error, USUAL)
    assert not moves_on(Invalid("x"), USUAL)
    assert (error.status, error.kind) == (400, "invalid_request_error")


WAYS: dict[str, dict[str, Any]] = {
    "fallback": {"fallback": ["cloud", "distilled"]},
    "hedge": {"hedge": ["cloud", "distilled"], "after": 0},
    "hedge, joining": {"hedge": ["distilled", "cloud"], "after": 0},
    "cascade": {"cascade": [{"to": "cloud", "accept": {"refusal": False}}, {"to": "distilled"}]},
    "shadow": {"shadow": "distilled", "to": "cloud", "share": 1.0},
    "shadow's judge": {"shadow": "distilled", "to": "distilled2", "share": 1.0, "compare": "judge", "judge": "cloud"},
    "ensemble": {"ensemble": ["distilled", "cloud"], "choose": "vote"},
    "judge": {"ensemble": ["distilled", "distilled"], "choose": "judge", "judge": "cloud"},
    "merger": {"ensemble": ["distilled", "distilled"], "choose": "merge", "merger": "cloud"},
    "longform": {"longform": "cloud", "part": 64, "summary_ratio": 0.5, "answer": 100},
    "split": {"split": {"cloud": 1}},
    "canary": {"canary": "cloud", "to": "distilled", "stages": ["1%", "100%"]},
    "coalesce": {"coalesce": "cloud", "window": "5s"},
    "transform": {"transform": "cloud", "system": f"Write to {MAIL}"},
}
SLOW = SyntheticSpec.model_validate({"step": {"base_ms": 30}})
LONG = " ".join(f"Line {at}: {SAYS} Then they talked about the weather for a while." for at in range(12))


def way(url: str, graph: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return settings in which ``auto`` is the way to the cloud."""
    there = edge(url, **{"redact": {}, **fields})
    models = {**there["models"], "distilled2": {"family": "distilled"}}
    return {**there, "models": models, "graph": graph, "default": "cloud"}


@asynccontextmanager
async def own() -> AsyncIterator[EngineTransport]:
    """Run the engines of this house, which repeat nothing, and lose every race."""
    async with engines(distilled=SLOW) as running:
        running.engines = {**running.engines, "distilled2": running.engines["distilled"]}
        yield running


@pytest.mark.parametrize("kind", WAYS)
async def test_no_way_through_the_graph_leads_around_it(kind: str) -> None:
    """Streamed and whole; the server is asked each time, or the test would prove nothing."""
    asked_so_far = 0
    async with echo() as there, own() as running:
        served = gateway(running, **way(there.url, {"auto": WAYS[kind]}))
        async with client(served) as calls:
            for stream in (False, True):
                body = ask(LONG, model="auto", stream=stream, max_tokens=8)
                answer_ = await calls.post("/v1/chat/completions", json=body)
                assert answer_.status_code == 200, answer_.text
                await until(lambda so_far=asked_so_far: len(there.asked) > so_far)  # type: ignore[misc]
                asked_so_far = len(there.asked)
        await served.close()
    assert MAIL not in sent(there)
    assert PHONE not in sent(there)


async def test_who_names_the_model_itself_is_redacted_as_well() -> None:
    """On every surface that it has; the metrics count what was found, the answer's headers tell it."""
    async with echo() as there, own() as running:
        served = gateway(running, **way(there.url, {}))
        async with client(served) as calls:
            answer_ = await calls.post("/v1/chat/completions", json=ask(SAYS, model="cloud"))
            metrics = exposition(served.metrics).decode()
        await served.close()
    assert answer_.json()["choices"][0]["message"]["content"] == SAYS
    assert answer_.headers["x-tercet-redacted"] == "EMAIL=1, PHONE=1"
    assert answer_.headers["x-tercet-path"] == "cloud"
    assert 'tercet_screened_total{action="mask",found="EMAIL",node="cloud"} 1.0' in metrics
    assert MAIL not in sent(there)


async def test_what_is_blocked_is_answered_at_home_or_refused() -> None:
    """No circuit opens for it: the next request without personal data is answered there."""
    breaker = {"consecutive": 1, "open": "60s"}
    graph = {"auto": {"fallback": ["cloud", "distilled"], "breaker": breaker}}
    async with echo() as there, own() as running:
        served = gateway(running, **way(there.url, graph, redact={"action": "block"}))
        async with client(served) as calls:
            home = await calls.post("/v1/chat/completions", json=ask(SAYS, model="auto", max_tokens=3))
            direct = await calls.post("/v1/chat/completions", json=ask(SAYS, model="cloud"))
            assert there.asked == []
            away = await calls.post("/v1/chat/completions", json=ask("hello", model="auto", max_tokens=3))
        await served.close()
    assert home.headers["x-tercet-path"] == "auto>cloud!withheld>distilled"
    assert (direct.status_code, direct.json()["error"]["code"]) == (400, "withheld")
    assert direct.json()["error"]["param"] == "messages"
    assert away.headers["x-tercet-path"] == "auto>cloud"


@pytest.mark.parametrize("kind", ["hedge", "hedge, joining", "shadow", "judge"])
async def test_what_is_blocked_costs_nobody_an_answer_that_is_given_here(kind: str) -> None:
    """Who only helps is not asked, who races is out of the race."""
    async with echo() as there, own() as running:
        served = gateway(running, **way(there.url, {"auto": WAYS[kind]}, redact={"action": "block"}))
        async with client(served) as calls:
            for stream in (False, True):
                body = ask(SAYS, model="auto", stream=stream, max_tokens=3)
                assert (await calls.post("/v1/chat/completions", json=body)).status_code == 200
        await served.close()
    assert there.asked == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_redaction_before_it_does_no_harm(stream: bool) -> None:
    """What looks like a placeholder in the client's own text stays; neither layer takes the other's for its own."""
    says = f"<EMAIL_1> <PHONE_1> {MAIL} {PHONE} <EMAIL_2> amy@example.org <PHONE_3>"
    graph = {"private": {"redact": "cloud", "entities": ["EMAIL"]}}
    async with echo(tuple(range(200))) as there, own() as running:
        served = gateway(running, **way(there.url, graph))
        async with client(served) as calls:
            answer_ = await calls.post("/v1/chat/completions", json=ask(says, model="private", stream=stream))
        await served.close()
    assert told(there.asked[0].body) == ("<EMAIL_1> <PHONE_1> <EMAIL_3> <PHONE_2> <EMAIL_2> <EMAIL_4> <PHONE_3>")
    assert answer_.headers["x-tercet-redacted"] == "EMAIL=2, PHONE=1"
    if stream:
        events = [json.loads(one[6:]) for one in answer_.text.split("\n\n") if one.startswith("data: {")]
        assert "".join(one["choices"][0]["delta"].get("content") or "" for one in events) == says
    else:
        assert answer_.json()["choices"][0]["message"]["content"] == says


async def test_two_redactions_of_everything() -> None:
    """The inner one finds nothing more, and the note is one."""
    async with echo() as there, own() as running:
        served = gateway(running, **way(there.url, {"private": {"redact": "cloud"}}))
        async with client(served) as calls:
            answer_ = await calls.post("/v1/chat/completions", json=ask(SAYS, model="private"))
        await served.close()
    assert answer_.json()["choices"][0]["message"]["content"] == SAYS
    assert answer_.headers["x-tercet-redacted"] == "EMAIL=1, PHONE=1"


async def test_a_new_requirement_holds_from_the_next_request_on() -> None:
    """As `tercet apply` gives it to a running gateway; and a narrower one does."""
    async with echo() as there, own() as running:
        served = gateway(running, **way(there.url, {}, redact={"entities": ["PHONE"]}))
        async with client(served) as calls:
            for redact in ({"entities": ["PHONE"]}, {}):
                served.reconfigure(settings(**way(there.url, {}, redact=redact)))
                await calls.post("/v1/chat/completions", json=ask(SAYS, model="cloud"))
        await served.close()
    assert [told(one.body) for one in there.asked] == [
        f"I am {MAIL}, call <PHONE_1>.", "I am <EMAIL_1>, call <PHONE_1>.",
    ]  # fmt: skip
