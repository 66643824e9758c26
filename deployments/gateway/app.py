"""The HTTP application in front of a gateway."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from deployments.errors import Invalid, NotFound, UnknownModel
from deployments.gateway.admin import AdapterAdmin, admin_routes
from deployments.gateway.cache_admin import ForgettingAdmin, cache_routes
from deployments.gateway.calls import routes
from deployments.gateway.edge import Edge
from deployments.gateway.error_formats import format_at
from deployments.gateway.gateway import Gateway
from deployments.gateway.identified import caller_of, told
from deployments.gateway.key_admin import key_routes
from deployments.gateway.listing import listed
from deployments.gateway.openapi import document
from deployments.gateway.operator import check_port, is_operator, operator
from deployments.gateway.page_admin import page_routes
from deployments.gateway.scale_admin import ScalingAdmin, scale_routes
from deployments.gateway.versions import versions
from deployments.gateway.wire_errors import error_response
from deployments.page.feed import Feed
from deployments.telemetry.exposition import CONTENT_TYPES, form_of

_NOT_READY = 503


def build_app(
    gateway: Gateway,
    admin: AdapterAdmin | None = None,
    scaling: ScalingAdmin | None = None,
    forgetting: ForgettingAdmin | None = None,
    feed: Feed | None = None,
    *,
    keys: bool = False,
) -> Starlette:
    """Return the application that serves *gateway*, with the admin routes for which it is given something.

    *feed* is what the operator's page shows.
    """
    operators = _admin(gateway, admin, scaling, forgetting, feed, keys=keys)
    return _app([*routes(gateway), *_lookups(gateway), *_operations(gateway), *operators])


def build_admin_app(
    gateway: Gateway,
    admin: AdapterAdmin | None = None,
    scaling: ScalingAdmin | None = None,
    forgetting: ForgettingAdmin | None = None,
    feed: Feed | None = None,
) -> Starlette:
    """Return the application for the port of operators."""
    app = _app([*_operations(gateway), *_admin(gateway, admin, scaling, forgetting, feed, keys=True)])
    app.state.for_operators = True
    return app


def _app(every: list[Route]) -> Starlette:
    app = Starlette(routes=every, middleware=[Middleware(Edge)], exception_handlers={HTTPException: _wrong_address})
    app.router.redirect_slashes = False
    return app


def _admin(
    gateway: Gateway,
    admin: AdapterAdmin | None,
    scaling: ScalingAdmin | None,
    forgetting: ForgettingAdmin | None,
    feed: Feed | None,
    *,
    keys: bool,
) -> list[Route]:
    return [
        *(key_routes(gateway) if keys else ()),
        *(admin_routes(gateway, admin) if admin is not None else ()),
        *(scale_routes(gateway, scaling) if scaling is not None else ()),
        *(cache_routes(gateway, forgetting) if forgetting is not None else ()),
        *(page_routes(gateway, feed) if feed is not None else ()),
    ]


def _lookups(gateway: Gateway) -> list[Route]:
    async def shown(http: HttpRequest) -> list[dict[str, Any]]:
        live, caller = gateway.live, await caller_of(gateway, http)
        known = listed(live.settings, live.able, live.loaded(), gateway.started_at_s)
        return known if caller is None else caller.listed(known, live.settings)

    async def models(http: HttpRequest) -> Response:
        return _json({"object": "list", "data": await shown(http)})

    async def model(http: HttpRequest) -> Response:
        name = http.path_params["name"]
        found = [one for one in await shown(http) if one["id"] == name]
        return _json(found[0]) if found else error_response(UnknownModel(f"there is no {name[:200]!r}", param="model"))

    described = msgspec.json.encode(document())

    async def openapi(http: HttpRequest) -> Response:
        await caller_of(gateway, http)
        return Response(described, media_type="application/json")

    async def version(http: HttpRequest) -> Response:
        await caller_of(gateway, http)
        return _json(versions())

    return [
        Route("/v1/models", told(models)),
        Route("/v1/models/{name:path}", told(model)),
        Route("/openapi.json", told(openapi)),
        Route("/version", told(version)),
    ]


def _operations(gateway: Gateway) -> list[Route]:
    async def health(_: HttpRequest) -> Response:
        return _json({"status": "ok"})

    async def ready(http: HttpRequest) -> Response:
        verdict = gateway.readiness()
        # Who balances load needs no credential for the verdict; what it rests on names models.
        seen = verdict.told() if await is_operator(gateway, http) else {"ready": verdict.ready}
        return _json(seen, 200 if verdict.ready else _NOT_READY)

    async def metrics(http: HttpRequest) -> Response:
        if gateway.live.door is not None:
            await operator(gateway, http)
        elif gateway.live.settings.admin.port is not None and not gateway.live.settings.loopback:
            check_port(gateway.live.settings, http)  # what clients reach may be published, with everybody's figures
        form = form_of(http.headers.get("accept", ""))
        told = await gateway.exposition.whole(form, http.query_params.get("node", ""))
        return Response(told, headers={"content-type": CONTENT_TYPES[form]})

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", told(metrics))]


async def _wrong_address(http: HttpRequest, error: Exception) -> Response:
    """Answer for a path that does not exist, or that does not take the method."""
    status = error.status_code if isinstance(error, HTTPException) else Invalid.status
    where = f"{http.method[:20]} {http.url.path[:200]}"
    reason = {404: "there is no such endpoint", 405: "the endpoint does not take this method"}.get(status, str(error))
    told = (NotFound if status == NotFound.status else Invalid)(f"{where}: {reason}")
    response = error_response(told, status, form=format_at(http.url.path), request_id=http.state.request_id)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
