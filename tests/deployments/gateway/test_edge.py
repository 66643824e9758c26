"""The outermost layer, around applications that misbehave."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from deployments.gateway.edge import Edge


async def sent_by(app_messages: list[Message]) -> list[Message]:
    """Return what leaves the edge when its application sends messages and then breaks."""

    async def broken(_: Scope, __: Receive, send: Send) -> None:
        for message in app_messages:
            await send(message)
        raise RuntimeError("boom")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await Edge(broken)({"type": "http", "headers": [(b"x-request-id", b"r1")]}, receive, send)
    return sent


async def test_an_exception_before_the_response_is_a_500() -> None:
    """The client gets a whole answer that tells nothing of the cause, with the id."""
    start, body = await sent_by([])
    assert start["status"] == 500
    assert (b"x-request-id", b"r1") in start["headers"]
    assert b"internal_error" in body["body"]
    assert b"boom" not in body["body"]


async def test_an_exception_within_the_response_adds_nothing_to_it() -> None:
    """A response that has begun cannot turn into another one; it stays incomplete, which the server sees."""
    begun: Message = {"type": "http.response.start", "status": 200, "headers": []}
    assert [message["type"] for message in await sent_by([begun])] == ["http.response.start"]


async def test_what_sends_is_let_go() -> None:
    """It knows the scope, and the two would keep each other."""
    scope: Scope = {"type": "http", "headers": []}
    seen: list[Send] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["state"]["send"])

    async def never() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    await Edge(app)(scope, never, send)
    assert seen == [send]
    assert "send" not in scope["state"]


async def test_other_connections_pass_through() -> None:
    """Lifespan events are the application's own affair."""
    with pytest.raises(RuntimeError, match="boom"):
        await lifespan_through_edge()


async def lifespan_through_edge() -> None:
    async def broken(_: Scope, __: Receive, ___: Send) -> None:
        raise RuntimeError("boom")

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(_: Message) -> None:
        raise AssertionError("nothing is to be sent")

    await Edge(broken)({"type": "lifespan"}, receive, send)
