"""Where gateways attach to a replica: one gRPC stream a gateway, open only to who knows the replica's key."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import grpc
import msgspec

from deployments.pool.desk import Answer, Desk
from deployments.pool.only import Only
from deployments.pool.scraped import Told, handler, nothing
from deployments.pool.wire import METHOD, OPTIONS, Keep, Load, bearer, decode_calls, encode

ANNOUNCE_S = 1.0
LAST_WRITE_S = 1.0


def ignore(request: str) -> None:
    """Trace nothing."""


class Listener:
    """Serves every gateway from a desk of its own; ``key`` is made anew for each replica and never logged.

    *scraped* writes the replica's series, *kept* is told the requests whose traces are kept.
    """

    def __init__(
        self,
        answer: Answer,
        load: Callable[[int], Load],
        *,
        scraped: Told = nothing,
        kept: Callable[[str], None] = ignore,
    ) -> None:
        self.key = secrets.token_urlsafe(32)
        self.address = ""
        self._answer, self._load, self._scraped, self._kept = answer, load, scraped, kept
        self._desks: set[Desk] = set()
        self._server: Any = None
        self._announcing: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int = 0) -> None:
        """Listen on *host*, on a free port unless one is named."""
        self._server = grpc.aio.server(options=OPTIONS)
        attach = Only(METHOD, grpc.stream_stream_rpc_method_handler(self._attach))
        self._server.add_generic_rpc_handlers((attach, handler(self.key, self._scraped)))
        self.address = f"{host}:{self._server.add_insecure_port(f'{host}:{port}')}"
        await self._server.start()
        self._announcing = asyncio.create_task(self._announce_for_ever(), name="announce load")

    def announce(self) -> None:
        """Tell every gateway the load now, because it has changed in a way that matters to their choice."""
        for desk in self._desks:
            desk.announce()

    async def close(self) -> None:
        """Stop listening; calls under way end with their connections."""
        if self._announcing is not None:
            self._announcing.cancel()
            await asyncio.wait([self._announcing])
        if self._server is not None:
            await self._server.stop(grace=0.5)

    async def _announce_for_ever(self) -> None:
        while True:
            await asyncio.sleep(ANNOUNCE_S)
            self.announce()

    async def _attach(self, requests: Any, context: Any) -> None:
        if not hmac.compare_digest(bearer(context.invocation_metadata()).encode(), self.key.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the key of this replica is another one")
        try:
            await self._converse(requests, context)
        except msgspec.DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the gateway speaks another version")

    async def _converse(self, requests: Any, context: Any) -> None:
        desk = Desk(self._answer, self._load)
        self._desks.add(desk)
        desk.announce()
        writing = asyncio.create_task(_write(desk, context), name="batches")
        try:
            async for data in requests:
                for message in decode_calls(data):
                    if isinstance(message, Keep):
                        self._kept(message.request)
                    else:
                        desk.take(message)
        finally:
            self._desks.discard(desk)
            await desk.close()
            await _ended(writing)


async def _write(desk: Desk, context: Any) -> None:
    async with aclosing(desk.batches()) as batches:  # type: ignore[type-var]
        async for batch in batches:
            await context.write(encode(batch))


async def _ended(writing: asyncio.Task[None]) -> None:
    """Wait for the last write: gRPC refuses to end a stream that it is still sending on."""
    await asyncio.wait([writing], timeout=LAST_WRITE_S)
    writing.cancel()
    await asyncio.wait([writing])
    if not writing.cancelled():
        writing.exception()  # seen: the gateway is gone, and its reader has told so
