"""Input that is wrong: a 4xx that names the field, whatever is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.deployments.gateway.building import ask, client, engines, gateway, listening
from tests.deployments.scripted import Scripted

JSON = {"content-type": "application/json"}
CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"


def error_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/json"
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


async def post(path: str, **sent: Any) -> httpx.Response:
    async with client(gateway(Scripted({"dense": [b"{}"]}), default="dense", graph={})) as calls:
        return await calls.post(path, **sent)


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 10**9}, "n"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 2**31}, "max_tokens"),
        ({"max_tokens": 10**30}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"stop": 7}, "stop"),
        ({"stop": ["a", 7]}, "stop[1]"),
        ({"seed": "lucky"}, "seed"),
        ({"seed": 2**70}, "seed"),
        ({"logprobs": 3}, "logprobs"),
        ({"top_logprobs": "all"}, "top_logprobs"),
        ({"presence_penalty": 9}, "presence_penalty"),
        ({"logit_bias": [1]}, "logit_bias"),
        ({"tools": {}}, "tools"),
        ({"response_format": "json"}, "response_format"),
        ({"model": 7}, "model"),
        ({"model": ["dense"]}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [7]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": 7, "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": {}}]}, "messages[1].content"),
    ],
)
async def test_a_wrong_field_of_a_chat_is_named(changed: dict[str, Any], param: str) -> None:
    """``param`` is the field, and the message begins with it."""
    answer = await post(CHAT, content=json.dumps(ask(**changed)), headers=JSON)
    error = error_of(answer)
    assert answer.status_code == 400
    assert (error["param"], error["code"], error["type"]) == (param, "invalid_request", "invalid_request_error")
    assert error["message"].startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": ["a", 7]}, "prompt"),
        ({"prompt": ["a", ""]}, "prompt"),
        ({"prompt": [[1], []]}, "prompt"),
        ({"prompt": ["a"] * 2000}, "prompt"),
        ({"prompt": [{}]}, "prompt[0]"),
        ({"prompt": "a", "logprobs": True}, "logprobs"),
        ({"prompt": "a", "echo": "loud"}, "echo"),
        ({"prompt": "a", "best_of": 0}, "best_of"),
    ],
)
async def test_a_wrong_field_of_a_completion_is_named(body: dict[str, Any], param: str) -> None:
    """Both endpoints check what is theirs."""
    answer = await post(COMPLETION, json=body)
    assert answer.status_code == 400
    assert error_of(answer)["param"] == param


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"messages": [}', "byte 14"),
        (b"", "not valid JSON"),
        (b"hello", "not valid JSON"),
        (b'{"a": "\xff\xfe"}', "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"messages": ' + b"[" * 40_000, "nested too deeply"),
        (b'{"messages": [' + b"[]," * 60_000 + b"[]]}", "60003 arrays and objects"),
        (b'{"a": ' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
        (b'{"messages": ' + b"[" * 100 + b"]" * 100 + b"}", "nested too deeply"),
        (b"[1]", "must be a JSON object, not an array"),
        (b"null", "must be a JSON object, not null"),
        (b'"hi"', "must be a JSON object, not a string"),
    ],
)
async def test_a_body_that_is_no_json_object(content: bytes, reason: str) -> None:
    """What cannot be read is refused with the place or the kind."""
    answer = await post(CHAT, content=content, headers=JSON)
    assert answer.status_code == 400
    assert reason in error_of(answer)["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": ""},
        {},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_another_media_type_is_refused(headers: dict[str, str]) -> None:
    """Only JSON as it is; the message says what came instead."""
    answer = await post(CHAT, content=json.dumps(ask()).encode(), headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"])
async def test_json_by_any_of_its_names_is_taken(media: str) -> None:
    """Parameters and letter case do not matter."""
    answer = await post(CHAT, content=json.dumps(ask()), headers={"content-type": media})
    assert answer.status_code == 200


async def test_an_unknown_model_is_answered_with_what_there_is() -> None:
    """The nearest name comes first, then all of them."""
    async with client(gateway(Scripted({}))) as calls:
        answer = await calls.post(CHAT, json=ask(model="dens"))
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "did you mean dense?" in error["message"]
    assert "auto, careful, dense" in error["message"]


@pytest.mark.parametrize("body", [ask(model="x" * 10**6), {"messages": [{"role": "x" * 10**6, "content": "hi"}]}])
async def test_a_refusal_is_short(body: dict[str, Any]) -> None:
    """What a client sent is not sent back to it at length."""
    answer = await post(CHAT, json=body)
    assert answer.status_code in {400, 404}
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", CHAT, 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/", 404),
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "/v1/audio/speech", 404),
    ],
)
async def test_wrong_addresses_are_openai_errors(method: str, path: str, status: int) -> None:
    """A path or a method that does not exist is refused in the same form as all else."""
    async with client(gateway(Scripted({}))) as calls:
        answer = await calls.request(method, path)
    assert answer.status_code == status
    assert path in error_of(answer)["message"]
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_over_a_real_socket(chunked: bool) -> None:
    """The client gets a 413 to read, whether or not it announced the size, and the connection's end is orderly."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 2**16

    async with listening(gateway(Scripted({}))) as calls:
        content = chunks() if chunked else b" " * (10 * 2**20)
        answer = await calls.post(CHAT, content=content, headers=JSON)
        again = await calls.get("/health")
    assert (answer.status_code, error_of(answer)["code"]) == (413, "body_too_large")
    assert again.status_code == 200


async def test_a_client_that_sends_it_all_before_it_reads_still_gets_the_refusal() -> None:
    """The connection is not cut under a client that is busy sending."""
    async with listening(gateway(Scripted({}))) as calls:
        reader, writer = await asyncio.open_connection(calls.base_url.host, calls.base_url.port)
        writer.write(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode())
        writer.write(f"Content-Length: {10 * 2**20}\r\n\r\n".encode() + b" " * (10 * 2**20))
        await writer.drain()
        status = await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert b" 413 " in status


async def test_an_announced_size_is_refused_before_anything_is_sent() -> None:
    """A client that waits for permission to send learns at once that it need not."""
    async with listening(gateway(Scripted({}))) as calls:
        reader, writer = await asyncio.open_connection(calls.base_url.host, calls.base_url.port)
        writer.write(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode())
        writer.write(b"Expect: 100-continue\r\nContent-Length: 10485760\r\n\r\n")
        async with asyncio.timeout(20):
            status = await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert b" 413 " in status


async def test_a_body_at_the_limit_is_read() -> None:
    """The limit itself is allowed; one byte more is not."""
    body = json.dumps(ask()).encode()
    transport = Scripted({"dense": [b"{}"]})
    for limit, status in ((len(body), 200), (len(body) - 1, 413)):
        async with client(gateway(transport, default="dense", graph={}, max_body=limit)) as calls:
            assert (await calls.post(CHAT, content=body, headers=JSON)).status_code == status


async def test_what_the_gateway_does_not_know_goes_through_untouched() -> None:
    """An engine's own fields reach it as they came."""
    transport = Scripted({"dense": [b"{}"]})
    async with client(gateway(transport)) as calls:
        await calls.post(CHAT, json=ask(model="dense", cache_salt="a+", extra={"deep": [1, None]}))
    assert transport.seen[0][0].body["cache_salt"] == "a+"
    assert transport.seen[0][0].body["extra"] == {"deep": [1, None]}


async def test_what_only_the_engine_can_know_is_still_a_client_error() -> None:
    """A prompt that exceeds the context is the engine's to refuse, and the field is named."""
    async with engines() as transport, client(gateway(transport)) as calls:
        answer = await calls.post(CHAT, json=ask("word " * 20_000, model="dense"))
    assert (answer.status_code, error_of(answer)["code"]) == (400, "context_length_exceeded")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
FIELDS = st.sampled_from([
    "model", "messages", "prompt", "stream", "stream_options", "temperature", "top_p", "n", "max_tokens", "stop",
    "seed", "max_completion_tokens", "logprobs", "top_logprobs", "tools", "tool_choice", "logit_bias",
    "response_format", "user", "echo", "suffix", "best_of", "presence_penalty",
])  # fmt: skip
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "x"]), "content": VALUES}), max_size=3
)
BODIES = st.dictionaries(FIELDS, VALUES, max_size=6) | st.builds(
    lambda base, messages: {**base, "messages": messages}, st.dictionaries(FIELDS, VALUES, max_size=3), MESSAGES
)


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from([CHAT, COMPLETION]), body=BODIES)
def test_no_json_makes_a_server_error(path: str, body: dict[str, Any]) -> None:
    """Whatever object is sent is answered or refused by the client's fault, never by ours."""
    check_never_500(path, json.dumps(body).encode("utf-8", "surrogatepass"))


@examples(max_examples=100, deadline=None)
@given(path=st.sampled_from([CHAT, COMPLETION]), content=st.binary(max_size=200))
def test_no_bytes_make_a_server_error(path: str, content: bytes) -> None:
    """Nor does a body that is no JSON at all."""
    check_never_500(path, content)


def check_never_500(path: str, content: bytes) -> None:
    async def call() -> int:
        async with engines() as transport, client(gateway(transport)) as calls:
            return (await calls.post(path, content=content, headers=JSON)).status_code

    assert asyncio.run(call()) in {200, 400, 404}
