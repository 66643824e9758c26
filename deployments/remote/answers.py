"""A remote server's answer to one call as frames: a stream as it comes, any other answer as one body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

import httpx
import msgspec

from deployments.errors import EngineFailed
from deployments.remote.connection import Call, Connections, chunks
from deployments.remote.failures import broken, failure
from deployments.remote.fields import of_whole
from deployments.remote.naming import Renaming
from deployments.remote.reading import StreamReader
from deployments.remote.unasked import strip
from deployments.request import Frame, Request

_MOST_BYTES = 64 * 2**20
_MOST_ERROR_BYTES = 64 * 1024
# How long to wait for the end of an answer that is complete, so that the connection can be used again.
_END_S = 0.05


async def streamed(
    name: str, connections: Connections, call: Call, request: Request, key: str | None
) -> AsyncGenerator[Frame]:
    """Yield a frame for every chunk with tokens; raises a ServingError where the answer does not come to its end."""
    reader = StreamReader(name, request, key)
    async with connections.call(call) as response:
        await _accept(name, response, "text/event-stream", key)
        async with aclosing(chunks(name, response)) as raw:
            try:
                async for chunk in raw:
                    if (frame := reader.feed(chunk)) is not None:
                        yield frame
                    if reader.done:
                        await _end(raw)
                        return
            except EngineFailed:
                if not reader.finished:
                    raise
    if not reader.finished:
        raise EngineFailed(f"{name}: the server behind it ended the stream in the middle of the answer")


async def whole(
    name: str, connections: Connections, call: Call, request: Request, key: str | None
) -> AsyncGenerator[Frame]:
    """Yield an empty frame once the server answers, and one with the body."""
    async with connections.call(call) as response:
        await _accept(name, response, "application/json", key)
        yield Frame(data=b"")
        body = await _read(name, response, _MOST_BYTES)
        if len(body) > _MOST_BYTES:
            raise EngineFailed(f"{name}: the answer is larger than {_MOST_BYTES} bytes")
    try:
        said = of_whole(request.endpoint, body)
        shown = strip(body, request) if request.judged and said.error is None else body
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EngineFailed(f"{name}: the answer is not what it should be: {str(error)[:200]}") from None
    if said.error is not None:
        raise broken(name, said.error, said.code, key)
    yield Frame(
        data=Renaming(name)(shown),
        text=said.text,
        tokens=said.completion or 0,
        prompt_tokens=said.prompt,
        finish_reason=said.finish_reason,
        logprob=said.logprob,
        margin=said.margin,
    )


async def _accept(name: str, response: httpx.Response, media: str, key: str | None) -> None:
    """Raise what an answer means that is no success, or not of the type *media*."""
    if response.status_code != httpx.codes.OK:
        body = await _read(name, response, _MOST_ERROR_BYTES)
        raise failure(name, response.status_code, response.headers, body, key)
    told = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if told != media:
        raise EngineFailed(f"{name}: the server behind it answered with {told[:80] or 'no type'} and not {media}")


async def _read(name: str, response: httpx.Response, most: int) -> bytes:
    """Return the body, or a little more than its first *most* bytes."""
    body = bytearray()
    async with aclosing(chunks(name, response)) as raw:
        async for chunk in raw:
            body += chunk
            if len(body) > most:
                break
    return bytes(body)


async def _end(raw: AsyncIterator[bytes]) -> None:
    with suppress(TimeoutError, EngineFailed):
        async with asyncio.timeout(_END_S):
            await anext(raw, None)
