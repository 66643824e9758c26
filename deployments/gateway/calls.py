"""The endpoints that a model answers: from an HTTP request to an answer, or to an error before any work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deployments.errors import DeadlineExceeded, Rejected, ServingError
from deployments.gateway.abilities import check_ability, stand_in
from deployments.gateway.answer import Answer
from deployments.gateway.body import read_json
from deployments.gateway.caller import ANYONE, Anyone, Caller, called_by
from deployments.gateway.constraints import check_constraints
from deployments.gateway.error_formats import format_of
from deployments.gateway.exchange import Exchange
from deployments.gateway.gateway import Gateway, Live
from deployments.gateway.media import check_media
from deployments.gateway.stored import lookup, pinned
from deployments.gateway.surfaces import SURFACES, parse
from deployments.gateway.wire_errors import error_response
from deployments.graph.tier import check_tier
from deployments.request import Context, Endpoint, Request
from deployments.telemetry.trace_content import asked, prompt
from deployments.tenancy.standings import standing_of

_SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
DRAIN_RETRY_AFTER_S = 5.0


def routes(gateway: Gateway) -> list[Route]:
    """Return the routes of every surface."""
    return [
        Route(path, endpoint(gateway, kind), methods=[surface.method])
        for kind, surface in SURFACES.items()
        for path in surface.paths
    ]


def endpoint(gateway: Gateway, kind: Endpoint) -> Callable[[HttpRequest], Awaitable[ASGIApp]]:
    """Return the handler of one endpoint."""
    form = format_of(kind)

    async def handle(http: HttpRequest) -> ASGIApp:
        exchange = Exchange(http.state.request_id, kind, gateway.clock)
        await gateway.turnstile.passed()
        try:
            return await _answer(gateway, exchange, http)
        except ServingError as error:
            response = error_response(error, form=form, request_id=exchange.id)
            response.headers.update(exchange.limits)
            exchange.status = response.status_code
            gateway.finish(exchange, error.code)
            return response
        except ClientDisconnect:
            gateway.finish(exchange, "client_closed")
            return Response(status_code=499)

    return handle


async def _answer(gateway: Gateway, exchange: Exchange, http: HttpRequest) -> Answer:
    live = gateway.live
    if live.settings.draining:
        raise Rejected("this gateway is shutting down", retry_after_s=DRAIN_RETRY_AFTER_S)
    caller = await _caller(gateway, exchange, http)
    deadline_s = exchange.arrived_s + live.settings.request_timeout
    asked = await _asked(exchange.endpoint, http, live, deadline_s - gateway.clock())
    caller.check_named(asked, live.settings)
    request = _routed(asked, live, caller.owner)
    caller.check_unnamed(asked, request, live.settings)
    request = caller.entering(asked, request, live.settings)
    exchange.entry, node = caller.entry(request.model, live)
    check_ability(exchange.entry, exchange.endpoint, caller.able(exchange.entry, live))
    check_media(exchange.entry, request.body, live.settings, partial(caller.may, settings=live.settings))
    check_constraints(request.body)
    exchange.stream = request.stream
    exchange.client_headers = headers = client_headers(http)
    check_tier(headers)
    exchange.tenant = caller.tenant(headers)
    span = _traced(gateway, exchange, request)
    # Nothing may fail between this and the answer, which ends the account.
    account = await caller.account(request, live, gateway.entrance, exchange)
    context = Context(
        request_id=exchange.id,
        deadline_s=deadline_s,
        now=gateway.utc_now(),
        tenant=exchange.tenant,
        standing=standing_of(exchange.tenant, live.settings.tenants),
        headers=headers,
        spent=exchange.spent,
        span=span,
        account=account,
    )
    return Answer(gateway, exchange, node, request, context)


def _traced(gateway: Gateway, exchange: Exchange, request: Request) -> Any:
    """Return the request's span, None where it is not traced."""
    headers, settings = exchange.client_headers, gateway.traces.settings
    ago_s = gateway.clock() - exchange.arrived_s
    exchange.span = gateway.traces.begin(exchange.title, request=exchange.id, headers=headers, ago_s=ago_s)
    if exchange.span is None or not exchange.span.is_recording():
        return None
    exchange.span.set_attributes(asked(request, headers))
    if settings.content:
        exchange.span.set_attributes(prompt(request, settings.content_limit))
        exchange.keep_text(settings.content_limit)
    return exchange.span


async def _caller(gateway: Gateway, exchange: Exchange, http: HttpRequest) -> Anyone | Caller:
    """Return who calls; raises a ServingError before anything of the body is read."""
    door = gateway.live.door
    if door is None:
        return ANYONE
    caller = await called_by(door, http.headers, gateway.entrance.now_us())
    exchange.tenant, exchange.key = caller.who.tenant, caller.who.key
    return caller


async def _asked(kind: Endpoint, http: HttpRequest, live: Live, limit_s: float) -> Request:
    if SURFACES[kind].body is None:
        return lookup(kind, http.path_params["response_id"], http.query_params)
    try:
        async with asyncio.timeout(limit_s):
            body = await read_json(http, live.settings.max_body)
    except TimeoutError as error:
        raise DeadlineExceeded("the body did not arrive in time") from error
    return parse(kind, body)


def _routed(request: Request, live: Live, owner: str | None = None) -> Request:
    """Return *request* with a name to enter by: the client's, that of what it refers to, or one that can do it.

    What it refers to must be the tenant *owner*'s, where that is known.
    """
    bound = pinned(request, live.settings, owner)
    if bound.model:
        return bound
    return replace(bound, model=stand_in(bound.endpoint, live.settings, live.able))


def client_headers(http: HttpRequest) -> dict[str, str]:
    """Return the client's headers in lower case; repeated ones are joined, secrets stay here."""
    joined: dict[str, str] = {}
    for name, value in http.headers.items():
        if name not in _SECRET:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
