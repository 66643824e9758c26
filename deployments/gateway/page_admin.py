"""The operator's page: its files, what it shows as it happens, and requests sent from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.errors import Rejected, ServingError
from deployments.gateway.backtests import newest
from deployments.gateway.calls import DRAIN_RETRY_AFTER_S, endpoint
from deployments.gateway.client import ClientLostError, Outlet, while_connected
from deployments.gateway.gateway import Gateway
from deployments.gateway.guarded import admitted, guarded
from deployments.gateway.operator import HOLDER, check_port
from deployments.gateway.page_files import INDEX, sent
from deployments.gateway.wire_errors import error_response
from deployments.page.feed import Feed

# A page asks again after this long, with a token that still has to be good.
WATCH_S = 600.0
# Who does not take what it is sent within this makes room for others.
WRITE_S = 10.0
KEY_HEADER = "x-tercet-key"
_CREDENTIALS = (b"authorization", b"x-api-key", KEY_HEADER.encode())

Handler = Callable[[HttpRequest], Awaitable[ASGIApp]]


def page_routes(gateway: Gateway, feed: Feed) -> list[Route]:
    """Return the routes. The page itself holds nothing secret; what it shows and does takes the token."""
    chat = endpoint(gateway, "chat")

    async def file(http: HttpRequest) -> ASGIApp:
        check_port(gateway.live.settings, http)
        return sent(http.path_params.get("name", INDEX), http)

    async def live(http: HttpRequest) -> ASGIApp:
        await admitted(gateway, "live", http)
        if gateway.live.settings.draining:
            raise Rejected("this gateway is shutting down", retry_after_s=DRAIN_RETRY_AFTER_S)
        feed.check_room()
        return _Stream(gateway, feed)

    async def play(http: HttpRequest) -> ASGIApp:
        who = await admitted(gateway, "play", http)
        return await chat(HttpRequest(_as_client(http.scope, who), http.receive))

    async def backtest(_: HttpRequest) -> Mapping[str, Any]:
        return await asyncio.to_thread(newest, gateway.live.settings.admin.backtests)

    return [
        Route("/admin/backtest", guarded(gateway, "backtest", backtest), methods=["GET"]),
        Route("/ui", _told(file), methods=["GET"]),
        Route("/ui/{name}", _told(file), methods=["GET"]),
        Route("/admin/live", _told(live), methods=["GET"]),
        Route("/admin/play", _told(play), methods=["POST"]),
    ]


def shown(gateway: Gateway) -> bytes:
    """Return what changes with the settings alone: the drawing, and who can be asked."""
    live = gateway.live
    drawing = live.settings.drawing
    names = [name for name in (*live.settings.graph, *live.settings.model_names()) if "chat" in live.able.get(name, ())]
    return msgspec.json.encode(
        {
            "drawing": None if drawing is None else drawing.model_dump(mode="json"),
            "nodes": names,
            "default": live.settings.default,
            "keys": live.door is not None,
        }
    )


def _as_client(scope: Scope, who: str) -> Scope:
    """Return *scope* with the credential of a client in place of an operator's, which opens no model.

    Whoever came with a key of its own is also a client by it.
    """
    given = dict(scope["headers"])
    key = given.get(KEY_HEADER.encode(), b"")
    if not key and who != HOLDER:
        return scope
    headers = [(name, value) for name, value in scope["headers"] if name not in _CREDENTIALS]
    return {**scope, "headers": [*headers, (b"authorization", b"Bearer " + key)] if key else headers}


def _told(handle: Handler) -> Handler:
    async def handled(http: HttpRequest) -> ASGIApp:
        try:
            return await handle(http)
        except ServingError as error:
            return error_response(error, request_id=http.state.request_id)

    return handled


class _Stream:
    """Server-sent events: ``graph`` at first and whenever the settings are others, ``snapshot`` once a second."""

    def __init__(self, gateway: Gateway, feed: Feed) -> None:
        self._gateway, self._feed = gateway, feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._feed.listen() as values:
                await self._watched(values, receive, send)
        except Rejected as error:  # somebody came first; nothing has been sent yet
            await error_response(error)(scope, receive, send)

    async def _watched(self, values: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
        until_s = self._gateway.clock() + WATCH_S
        outlet = Outlet(send, until_s, self._gateway.clock)
        try:
            await while_connected(self._run(values, outlet, until_s), receive)
        finally:
            outlet.close()

    async def _run(self, values: AsyncIterator[bytes], outlet: Outlet, until_s: float) -> None:
        try:
            headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-store")]
            await _taken(outlet.start(200, headers))
            await self._events(values, outlet, until_s)
            await _taken(outlet.write(b"", more=False))
        except (ClientLostError, TimeoutError):
            return

    async def _events(self, values: AsyncIterator[bytes], outlet: Outlet, until_s: float) -> None:
        known = ""
        async for value in values:
            if known != self._gateway.live.fingerprint:
                known = self._gateway.live.fingerprint
                await _taken(outlet.write(_event("graph", shown(self._gateway))))
            await _taken(outlet.write(_event("snapshot", value) if value else b": nothing new\n\n"))
            if self._gateway.clock() >= until_s:
                return


async def _taken(written: Awaitable[None]) -> None:
    async with asyncio.timeout(WRITE_S):
        await written


def _event(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
