"""Servers at the far end: a real gateway over synthetic engines, and one that does exactly what a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any

from deployments.remote.model import RemoteModel
from deployments.remote.spec import RemoteSpec
from deployments.request import Frame, Request
from tests.deployments.scripted import context

SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


@dataclass(slots=True)
class Asked:
    """What the scripted server was sent."""

    line: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class Far:
    """A scripted server: where it listens, what it was asked, and how many of its connections the caller closed."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    closed: int = 0


Play = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def far(play: Play) -> AsyncIterator[Far]:
    """Listen on loopback and answer every request by *play*."""
    seen, writers, tasks = Far(), list[asyncio.StreamWriter](), list[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())  # type: ignore[arg-type]
        writers.append(writer)
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                seen.asked.append(await _request(reader))
                answering = asyncio.ensure_future(play(writer))
                leaving = asyncio.ensure_future(reader.read(1))
                try:
                    await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
                    seen.closed += leaving.done() and not answering.done()
                finally:
                    answering.cancel()
                    leaving.cancel()
                    await asyncio.wait({answering, leaving})
                if writer.is_closing() or reader.at_eof():
                    break

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield seen
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*tasks)


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(line=line, headers=headers, body=json.loads(body or b"{}"))


def says(data: bytes) -> Play:
    """Answer with *data* and close."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return play


def says_slowly(*parts: bytes | float) -> Play:
    """Answer part by part; a number is a pause in seconds. The connection stays open."""

    async def play(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                writer.write(part)
                await writer.drain()

    return play


def answer(status: str, body: bytes, *headers: str, media: str = "application/json") -> bytes:
    """Render a whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {media}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunk(text: str, **choice: Any) -> bytes:
    """Render one event of a chat."""
    one = {"index": 0, "delta": {"content": text}, "finish_reason": None, **choice}
    told = {"id": "c1", "object": "chat.completion.chunk", "model": "gpt-x", "choices": [one]}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


def remote(url: str, **fields: Any) -> RemoteModel:
    """Return a remote model ``cloud`` behind *url*."""
    environment = fields.pop("environment", {})
    written = {"family": "remote", "url": url, "model": "gpt-x", **fields}
    return RemoteModel("cloud", RemoteSpec.model_validate(written), environment=environment)


async def answered(model: RemoteModel, request: Request, **changed: Any) -> list[Frame]:
    """Return all frames of an answer."""
    named = {**request.body, "model": "cloud"}
    asked = Request(**{**{name: getattr(request, name) for name in request.__slots__}, "body": named})
    return [frame async for frame in model.stream(asked, context(**changed))]
