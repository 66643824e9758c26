"""Servers that are slow, break off, talk nonsense or turn us away: each becomes one error, and no call outlives it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from deployments.errors import (
    EngineFailed,
    FirstTokenTimeout,
    Invalid,
    Misconfigured,
    Overloaded,
    Rejected,
    ServingError,
    Stalled,
)
from deployments.request import Frame
from tests.deployments.gateway.building import until
from tests.deployments.remote.far import SSE, Play, answer, answered, chunk, far, remote, says, says_slowly
from tests.deployments.scripted import chat, context

# One limit at a time: on a busy machine anything may be late.
LIMITS = {FirstTokenTimeout: {"first_token": "300ms"}, Stalled: {"between_tokens": "200ms"}}
ROLE = chunk("", delta={"role": "assistant", "content": ""})
END = chunk("", delta={}, finish_reason="stop") + b"data: [DONE]\n\n"
OK = SSE + ROLE + chunk("a") + END
KEY = "sk-very-secret-123"
STREAM = chat("hi", stream=True)


async def frames_of(play: Play, request: Any = STREAM, **fields: Any) -> list[Frame]:
    async with far(play) as there:
        model = remote(there.url, **fields)
        try:
            return await answered(model, request)
        finally:
            await model.close()


async def error_of(play: Play, request: Any = STREAM, **fields: Any) -> ServingError:
    with pytest.raises(ServingError) as caught:
        await frames_of(play, request, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("play", "kind", "told"),
    [
        (says_slowly(5.0), FirstTokenTimeout, "within 0.3 s"),
        (says_slowly(SSE, ROLE, 5.0), FirstTokenTimeout, "within 0.3 s"),
        (says_slowly(SSE, *(b": ping\n\n", 0.1) * 50), FirstTokenTimeout, "within 0.3 s"),
        (says_slowly(SSE, chunk("a"), 5.0), Stalled, "for 0.2 s"),
        (says_slowly(SSE, chunk("a"), *(b": ping\n\n", 0.1) * 50), Stalled, "for 0.2 s"),
        (says(SSE), EngineFailed, "in the middle"),
        (says(SSE + chunk("a")), EngineFailed, "in the middle"),
        (says(SSE + chunk("a")[:-9]), EngineFailed, "in the middle"),
        (says(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\n" + chunk("a")),
         EngineFailed, "broke"),
        (says(SSE + b"data: {nonsense\n\n"), EngineFailed, "no answer"),
        (says(SSE + b"data: [1, 2]\n\n"), EngineFailed, "no answer"),
        (says(SSE + b"x" * 5_000_000), EngineFailed, "bytes"),
        (says(SSE + b": nothing\n\n" * 9_000), EngineFailed, "answers nothing"),
        (says(b"\x00\x01 what\r\n\r\n"), EngineFailed, "broke"),
        (says(b""), EngineFailed, "broke"),
        (says(answer("200 OK", b"<html>", media="text/html")), EngineFailed, "text/html"),
        (says(SSE + b'data: {"error": {"message": "died", "code": 500}}\n\n'), EngineFailed, "died"),
        (says(SSE + chunk("a") + b'data: {"error": {"message": "full", "code": 429}}\n\n'), Overloaded, "full"),
        (says(answer("302 Found", b"", "location: http://127.0.0.1:9/v1")), Misconfigured, "(302)"),
        (says(answer("404 Not Found", b"{}")), Misconfigured, "(404)"),
    ],
)  # fmt: skip
async def test_a_stream_that_fails(play: Play, kind: type[ServingError], told: str) -> None:
    """Before data as after it."""
    error = await error_of(play, timeout=LIMITS.get(kind, {}))  # type: ignore[call-overload]
    assert type(error) is kind
    assert told in error.message


@pytest.mark.parametrize(
    ("body", "told"),
    [(b"{", "not what it should be"), (b"[]", "not what it should be"), (b'{"error": {"message": "no"}}', "no")],
)
async def test_a_whole_answer_that_is_none(body: bytes, told: str) -> None:
    """A success by its status alone."""
    assert told in (await error_of(says(answer("200 OK", body)), chat("hi"))).message


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait_s"),
    [
        ("400 Bad Request", [], Invalid, None),
        ("422 Unprocessable", [], Invalid, None),
        ("408 Request Timeout", [], Rejected, 5.0),
        ("429 Too Many Requests", ["retry-after: 17"], Overloaded, 17.0),
        ("429 Too Many Requests", ["retry-after: 999999"], Overloaded, 3600.0),
        ("500 Oops", [], Rejected, 5.0),
        ("502 Bad Gateway", ["retry-after: Thu, 01 Jan 1970 00:00:00 GMT"], Rejected, 0.0),
        ("503 Unavailable", ["retry-after: soon"], Overloaded, 5.0),
        ("529 Overloaded", [], Overloaded, 5.0),
    ],
)
async def test_statuses(status: str, headers: list[str], kind: type[ServingError], wait_s: float | None) -> None:
    """Each has its place in the tree, with the server's words and its advice on when to come again."""
    error = await error_of(says(answer(status, b'{"error": {"message": "the words", "param": "x"}}', *headers)))
    assert (type(error), error.retry_after_s) == (kind, wait_s)
    assert "cloud: the words" in error.message


async def test_a_key_that_is_refused_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the client's error nor the log repeats it, even where the server does."""
    body = json.dumps({"error": {"message": f"Incorrect API key: {KEY}", "code": "invalid_api_key"}}).encode()
    with caplog.at_level("DEBUG"):
        for status in ("401 Unauthorized", "403 Forbidden"):
            error = await error_of(says(answer(status, body)), key={"env": "CLOUD_KEY"}, environment={"CLOUD_KEY": KEY})
            assert type(error) is Misconfigured
            assert KEY not in error.message
    logged = [record for record in caplog.records if record.message == "remote_refused"]
    assert [record.fields["status"] for record in logged] == [401, 403]  # type: ignore[attr-defined]
    assert all(KEY not in str(vars(record)) for record in caplog.records)


async def test_a_server_that_repeats_the_key_in_another_error() -> None:
    """It is struck out."""
    body = json.dumps({"error": {"message": f"bad request with {KEY}"}}).encode()
    error = await error_of(
        says(answer("400 Bad Request", body)), key={"env": "CLOUD_KEY"}, environment={"CLOUD_KEY": KEY}
    )
    assert error.message == "cloud: bad request with ***"


async def test_nobody_listens() -> None:
    """A refused connection is a failed engine, so that a fallback moves on."""
    model = remote("http://127.0.0.1:9/v1")
    with pytest.raises(EngineFailed, match="cannot be reached"):
        await answered(model, STREAM)
    await model.close()


async def test_what_is_sent() -> None:
    """The remote's name, the key, the request's id; none of the client's headers."""
    async with far(says(OK)) as there:
        model = remote(there.url, key={"env": "CLOUD_KEY"}, environment={"CLOUD_KEY": f" {KEY}\n"})
        await answered(model, chat("hi", stream=True, top_k=3), headers={"x-mine": "1"})
        await model.close()
    asked = there.asked[0]
    assert asked.line == "POST /v1/chat/completions HTTP/1.1"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["x-request-id"] == "r1"
    assert "x-mine" not in asked.headers
    assert (asked.body["model"], asked.body["top_k"]) == ("gpt-x", 3)
    assert asked.body["stream_options"] == {"include_usage": True}


async def test_the_first_frame_waits_for_the_first_token() -> None:
    """A role, or a comment, commits no fallback to this branch; both arrive with the token."""
    frames = await frames_of(says_slowly(SSE, b": hello\n\n" + ROLE, 0.1, chunk("a"), 0.1, END))
    assert frames[0].data == (b": hello\n\n" + ROLE + chunk("a")).replace(b'"model": "gpt-x"', b'"model":"cloud"')
    assert [frame.text for frame in frames] == ["a", ""]


async def test_a_stream_without_the_mark_of_its_end_is_whole_once_it_gave_its_reason() -> None:
    """Some servers leave the mark out."""
    frames = await frames_of(says(SSE + chunk("a", finish_reason="stop")))
    assert [frame.finish_reason for frame in frames] == ["stop"]


async def test_a_server_that_keeps_the_connection_open_after_the_end_holds_nobody_up() -> None:
    """The answer is whole with its mark."""
    async with asyncio.timeout(5):
        frames = await frames_of(says_slowly(OK, 30.0))
    assert frames[-1].data.endswith(b"data: [DONE]\n\n")


async def test_leaving_closes_the_connection() -> None:
    """While the server is silent, and while it sends."""
    async with far(says_slowly(SSE, chunk("a"), 30.0)) as there:
        model = remote(there.url)
        for waiting in (False, True):
            stream = model.stream(chat("hi", model="cloud", stream=True), context())
            await anext(stream)
            if waiting:
                late = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(0.05)
                late.cancel()
                await asyncio.wait({late})
            await stream.aclose()
        await until(lambda: there.closed == 2, within_s=1.0)
        await model.close()


async def test_a_kept_connection_that_the_server_closed_meanwhile_costs_nothing() -> None:
    """The call is sent again over a new one; a new connection that breaks is not tried twice."""
    body = b'{"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}'
    calls = 0

    async def play(writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if calls != 2:
            writer.write(answer("200 OK", body))
            await writer.drain()
        else:
            writer.close()

    async with far(play) as there:
        model = remote(there.url)
        first, second = await answered(model, chat("a")), await answered(model, chat("b"))
        await model.close()
    assert (first[-1].text, second[-1].text) == ("a", "a")
    assert [asked.body["messages"][0]["content"] for asked in there.asked] == ["a", "b", "b"]
