"""Where the other processes of a cluster fetch this one's series: one gRPC method, open only to who knows the key."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable
from typing import Any, cast

import grpc
import msgspec

from deployments.pool.only import Only
from deployments.pool.wire import OPTIONS, bearer
from deployments.telemetry.exposition import CONTENT_TYPES, Family, Form

METHOD = "/tercet.Telemetry/Scrape"
Told = Callable[[Form], list[Family]]


def nothing(_: Form) -> list[Family]:
    """Have no series."""
    return []


def handler(key: str, told: Told) -> grpc.GenericRpcHandler:
    """Return the handler that answers with *told*, written in a thread of its own."""

    async def scraped(asked: bytes, context: Any) -> bytes:
        if not hmac.compare_digest(bearer(context.invocation_metadata()).encode(), key.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the key of this process is another one")
        form = asked.decode("ascii", "replace")
        if form not in CONTENT_TYPES:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "there is no such form of exposition")
        return msgspec.msgpack.encode(await asyncio.to_thread(told, cast("Form", form)))

    return Only(METHOD, grpc.unary_unary_rpc_method_handler(scraped))


class ScrapePoint:
    """A port for nothing else, of a process that has no other; ``key`` is made anew for each and never logged."""

    def __init__(self, told: Told) -> None:
        self.key = secrets.token_urlsafe(32)
        self.address = ""
        self._told = told
        self._server: Any = None

    async def start(self, host: str) -> None:
        """Listen on a free port of *host*."""
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers((handler(self.key, self._told),))
        self.address = f"{host}:{self._server.add_insecure_port(f'{host}:0')}"
        await self._server.start()

    async def close(self) -> None:
        """Stop listening."""
        self.address = ""
        if self._server is not None:
            await self._server.stop(grace=0.5)
