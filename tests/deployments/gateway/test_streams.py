"""Streams over a real socket: when bytes leave, how failures end them, and what a client that leaves sets off."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed, Invalid, Overloaded
from tests.deployments.gateway.building import ask, client, engines, gateway, listening, until
from tests.deployments.scripted import Act, Hang, Pause, Scripted
from tests.exposition import exposition

CHAT = "/v1/chat/completions"
ONE = b'data: {"n": 1}\n\n'


async def test_the_first_frame_leaves_at_once() -> None:
    """Headers and the first event are with the client while the engine still works on the second."""
    served = gateway(Scripted({"dense": [ONE, Hang()]}))
    async with listening(served) as calls, calls.stream("POST", CHAT, json=ask(model="dense", stream=True)) as answer:
        assert answer.status_code == 200
        async for data in answer.aiter_bytes():
            assert data == ONE
            break


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("acts", [[Hang()], [b"", Hang()]])
async def test_a_client_that_leaves_before_the_answer_frees_the_engine(stream: bool, acts: list[Act]) -> None:
    """The pool's stream is closed at once, whether or not anything was sent."""
    transport = Scripted({"dense": acts})
    served = gateway(transport)
    async with listening(served) as calls:
        asking = asyncio.create_task(calls.post(CHAT, json=ask(model="dense", stream=stream)))
        await until(lambda: transport.log == ["open dense"])
        asking.cancel()
        await until(lambda: transport.log == ["open dense", "close dense"])
        await until(lambda: served.signals(0.0).pools["dense"].in_flight == 0)
        counted = 'tercet_requests_total{endpoint="chat",entry="dense"'
        await until(lambda: any(counted in line for line in exposition(served.metrics).decode().splitlines()))
    assert 'outcome="client_closed"} 1.0' in exposition(served.metrics).decode()


async def test_a_client_that_leaves_in_the_middle_frees_the_engine() -> None:
    """A real engine has no sequence left soon after its reader went away."""
    slow = SyntheticSpec.model_validate({"step": {"base_ms": 5}, "output_tokens": 5000})
    async with engines(dense=slow) as transport:
        engine = transport.engines["dense"]
        async with listening(gateway(transport)) as calls:
            async with calls.stream("POST", CHAT, json=ask(model="dense", stream=True)) as answer:
                await anext(answer.aiter_bytes())
                assert engine.signals().running == 1
            await until(lambda: engine.signals().running == 0)


@pytest.mark.parametrize(
    ("error", "status"),
    [(Overloaded("full", retry_after_s=2.5), 503), (EngineFailed("died"), 503), (Invalid("no"), 400)],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_before_the_first_byte_is_a_status(error: Exception, status: int, stream: bool) -> None:
    """A stream that never began is an ordinary refusal; what is unavailable says when to come back."""
    async with client(gateway(Scripted({"dense": [error]}))) as calls:
        answer = await calls.post(CHAT, json=ask(model="dense", stream=stream))
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == str(error)
    expected = {"full": "3", "died": "1"}.get(str(error))
    assert answer.headers.get("retry-after") == expected


@pytest.mark.parametrize("acts", [[b""], []])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_engine_that_ends_without_an_answer_has_failed(acts: list[Act], stream: bool) -> None:
    """Nothing is never reported as success."""
    async with client(gateway(Scripted({"dense": acts}))) as calls:
        answer = await calls.post(CHAT, json=ask(model="dense", stream=stream))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_failed")


async def test_an_engine_that_breaks_mid_stream_ends_it_honestly() -> None:
    """What was streamed stays, one error event follows, and no end marker."""
    async with client(gateway(Scripted({"dense": [ONE, EngineFailed("died")]}))) as calls:
        answer = await calls.post(CHAT, json=ask(model="dense", stream=True))
    assert answer.status_code == 200
    first, last = answer.text.removesuffix("\n\n").split("\n\n")
    assert first.encode() + b"\n\n" == ONE
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "engine_failed"
    assert "[DONE]" not in answer.text


async def test_a_dying_engine_is_replaced_before_data_and_reported_after() -> None:
    """The same engine death is another pool's answer for one client and an error event for the other."""
    dying = SyntheticSpec.model_validate({"faults": {"die_after_tokens": 3}, "step": {"base_ms": 1}})
    async with engines(dense=dying) as transport, client(gateway(transport)) as calls:
        streamed = await calls.post(CHAT, json=ask(model="careful", stream=True))
        whole = await calls.post(CHAT, json=ask(model="careful"))
    assert '"engine_failed"' in streamed.text
    assert "[DONE]" not in streamed.text
    assert whole.headers["x-tercet-path"] == "careful>dense!engine_failed>moe"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_fault_of_ours_tells_nothing_of_our_insides(stream: bool) -> None:
    """An unforeseen exception is a 500 in OpenAI's form, with the id to quote and no detail."""
    async with client(gateway(Scripted({"dense": [RuntimeError("the secret")]}))) as calls:
        answer = await calls.post(CHAT, json=ask(model="dense", stream=stream))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"]


async def test_the_deadline_ends_a_request_that_hangs() -> None:
    """Before the first byte it is a 504; later an error event."""
    for acts, stream, status in (([Hang()], False, 504), ([Hang()], True, 504), ([ONE, Hang()], True, 200)):
        transport = Scripted({"dense": acts})
        async with client(gateway(transport, request_timeout=0.2)) as calls:
            answer = await calls.post(CHAT, json=ask(model="dense", stream=stream))
        assert answer.status_code == status
        assert "deadline_exceeded" in answer.text
        assert transport.log[-1] == "close dense"


async def test_a_body_that_never_ends_is_given_up() -> None:
    """A client that stops sending holds nothing for longer than its deadline."""
    async with listening(gateway(Scripted({}), request_timeout=0.3)) as calls:
        url = calls.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            "Content-Length: 100\r\n\r\n{".encode()
        )
        async with asyncio.timeout(20):
            status = await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert b" 504 " in status


async def test_a_client_that_never_reads_is_dropped() -> None:
    """A full socket does not hold an engine beyond the deadline."""
    flood: list[Act] = [b"data: " + b"x" * 2**20 + b"\n\n"] * 64
    transport = Scripted({"dense": flood})
    served = gateway(transport, request_timeout=0.5)
    async with listening(served) as calls:
        url = calls.base_url
        body = json.dumps(ask(model="dense", stream=True))
        _, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
        writer.write(
            f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        await until(lambda: transport.log == ["open dense", "close dense"])
        writer.close()
    assert 'outcome="client_stalled"} 1.0' in exposition(served.metrics).decode()


async def test_concurrent_streams_do_not_mix() -> None:
    """Each client gets its own answer, whole."""
    async with engines() as transport, listening(gateway(transport)) as calls:

        async def one(number: int) -> tuple[str, str]:
            body = ask(f"question {number}", model="moe", stream=bool(number % 2), max_tokens=20)
            answer = await calls.post(CHAT, json=body, headers={"x-request-id": f"r{number}"})
            return answer.headers["x-request-id"], answer.text

        answers = await asyncio.gather(*(one(number) for number in range(40)))
    for number, (request_id, text) in enumerate(answers):
        assert request_id == f"r{number}"
        assert f"chatcmpl-r{number}" in text
        assert text.endswith("data: [DONE]\n\n") == bool(number % 2)


async def test_a_pause_between_tokens_is_not_the_end() -> None:
    """A stream waits for its engine as long as the deadline allows."""
    async with listening(gateway(Scripted({"dense": [ONE, Pause(0.3), ONE]}))) as calls:
        answer: httpx.Response = await calls.post(CHAT, json=ask(model="dense", stream=True))
    assert answer.content == ONE + ONE
