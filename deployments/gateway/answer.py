"""Run a request through its node and send what comes back, streamed or whole."""

from __future__ import annotations

import logging

from starlette.types import Receive, Scope, Send

from deployments.errors import EngineFailed, ServingError
from deployments.gateway.client import ClientLostError, Outlet, while_connected
from deployments.gateway.error_formats import format_of
from deployments.gateway.exchange import Exchange
from deployments.gateway.gateway import Gateway
from deployments.gateway.wire_errors import error_response, internal
from deployments.graph.closing import closing
from deployments.graph.node import Node
from deployments.request import Context, Request
from deployments.telemetry.logs import event


class Answer:
    """The response to one valid request, as an ASGI application.

    Nothing is sent before the first frame with data, so that whatever goes wrong until then is an HTTP status.
    """

    def __init__(self, gateway: Gateway, exchange: Exchange, node: Node, request: Request, context: Context) -> None:
        self._gateway, self._exchange, self._node = gateway, exchange, node
        self._request, self._context = request, context
        self._outcome = "client_closed"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or stop the node at once when the client leaves."""
        active = self._gateway.metrics.active.labels(self._exchange.endpoint)
        active.inc()
        outlet = Outlet(send, self._context.deadline_s, self._gateway.clock, scope.get("state", {}).get("send"))
        try:
            await while_connected(self._run(outlet), receive)
        finally:
            outlet.close()
            active.dec()
            try:
                self._gateway.finish(self._exchange, self._outcome)
            finally:
                await self._account_ended()

    async def _run(self, outlet: Outlet) -> None:
        try:
            await self._serve(outlet)
        except ClientLostError as error:
            self._outcome = str(error)

    async def _serve(self, outlet: Outlet) -> None:
        try:
            await (self._stream(outlet) if self._request.stream else self._whole(outlet))
            self._outcome = "ok"
        except ServingError as error:
            await self._fail(outlet, error)
        except ClientLostError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge keeps serving, and tells the client nothing of its insides
            event("request_crashed", logging.ERROR, error=error, request_id=self._exchange.id)
            await self._fail(outlet, internal())

    async def _stream(self, outlet: Outlet) -> None:
        async with closing(self._node(self._request, self._context)) as frames:
            async for frame in frames:
                self._exchange.saw(frame)
                if not frame.data:
                    continue
                if not outlet.started:
                    await self._start(outlet, "text/event-stream; charset=utf-8", ("cache-control", "no-cache"))
                await outlet.write(frame.data)
        if not outlet.started:
            raise EngineFailed("the engine ended the stream before it began")
        await self._account_ended()
        await outlet.write(b"", more=False)

    async def _whole(self, outlet: Outlet) -> None:
        body = b""
        async with closing(self._node(self._request, self._context)) as frames:
            async for frame in frames:
                self._exchange.saw(frame)
                body += frame.data
        if not body:
            raise EngineFailed("the engine ended without an answer")
        await self._account_ended()
        await self._start(outlet, "application/json", ("content-length", str(len(body))))
        await outlet.write(body, more=False)

    async def _start(self, outlet: Outlet, media_type: str, *more: tuple[str, str]) -> None:
        self._exchange.status = 200
        if self._context.account is not None:
            self._exchange.limits = self._context.account.headers
        await outlet.start(200, [("content-type", media_type), *more, *self._exchange.headers()])

    async def _fail(self, outlet: Outlet, error: ServingError) -> None:
        self._outcome = error.code
        await self._account_ended()
        form = format_of(self._request.endpoint)
        if outlet.started:
            await outlet.write(form.event(error, self._exchange.id), more=False)
            return
        if self._context.account is not None:  # which knows the limit that refused, by now a model's
            self._exchange.limits = self._context.account.headers
        response = error_response(error, form=form, request_id=self._exchange.id)
        response.headers.update(self._exchange.limits)
        self._exchange.status = response.status_code
        await outlet.start(response.status_code, response.headers.items())
        await outlet.write(bytes(response.body), more=False)

    async def _account_ended(self) -> None:
        """Settle before the client has the end, so that what it asks next finds the room that this one took."""
        if self._context.account is not None:
            await self._context.account.end()
