"""The outermost layer of the HTTP side: every response has its request id, and no exception gets out."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.gateway.error_formats import ANTHROPIC_PATH, format_at
from deployments.gateway.request_id import ANTHROPIC_HEADER, HEADER, request_id
from deployments.gateway.wire_errors import error_response, internal
from deployments.telemetry.logs import bound, event


class Edge:
    """Wraps the application; the id is in ``request.state.request_id``.

    ``request.state.send`` sends what of a body follows the beginning of a response, past all that waits for that alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope.get("path", "")
        chosen = request_id(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {}).update(request_id=chosen, send=send)
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers[HEADER] = chosen
                if path.startswith(ANTHROPIC_PATH):
                    headers[ANTHROPIC_HEADER] = chosen
            await send(message)

        try:
            with bound(request_id=chosen):
                await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the edge keeps serving, and tells the client nothing of its insides
            event("request_crashed", logging.ERROR, error=error, request_id=chosen)
            if not started:
                told = error_response(internal(), form=format_at(path), request_id=chosen)
                await told(scope, receive, send_with_id)
        finally:
            # What sends knows the scope: together they would stay until the collector comes by.
            scope["state"].pop("send", None)
