"""The HTTP application in front of a gateway."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from deployments.errors import Invalid, UnknownModel
from deployments.gateway.completions import endpoint
from deployments.gateway.edge import Edge
from deployments.gateway.gateway import Gateway
from deployments.gateway.listing import listed
from deployments.gateway.wire_errors import error_response
from deployments.telemetry.metrics import CONTENT_TYPE

_NOT_READY = 503


def build_app(gateway: Gateway) -> Starlette:
    """Return the application that serves *gateway*."""
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", endpoint(gateway, "chat"), methods=["POST"]),
            Route("/v1/completions", endpoint(gateway, "completion"), methods=["POST"]),
            *_lookups(gateway),
            *_operations(gateway),
        ],
        middleware=[Middleware(Edge)],
        exception_handlers={HTTPException: _wrong_address},
    )
    app.router.redirect_slashes = False
    return app


def _lookups(gateway: Gateway) -> list[Route]:
    async def models(_: HttpRequest) -> Response:
        return _json({"object": "list", "data": listed(gateway.live.settings, gateway.started_at_s)})

    async def model(http: HttpRequest) -> Response:
        name = http.path_params["name"]
        found = [one for one in listed(gateway.live.settings, gateway.started_at_s) if one["id"] == name]
        return _json(found[0]) if found else error_response(UnknownModel(f"there is no {name[:200]!r}", param="model"))

    return [Route("/v1/models", models), Route("/v1/models/{name:path}", model)]


def _operations(gateway: Gateway) -> list[Route]:
    async def health(_: HttpRequest) -> Response:
        return _json({"status": "ok"})

    async def ready(_: HttpRequest) -> Response:
        verdict = gateway.readiness()
        return _json(asdict(verdict), 200 if verdict.ready else _NOT_READY)

    async def metrics(_: HttpRequest) -> Response:
        return Response(gateway.metrics.render(), headers={"content-type": CONTENT_TYPE})

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)]


async def _wrong_address(http: HttpRequest, error: Exception) -> Response:
    """Answer for a path that does not exist, or that does not take the method."""
    status = error.status_code if isinstance(error, HTTPException) else Invalid.status
    where = f"{http.method[:20]} {http.url.path[:200]}"
    reason = {404: "there is no such endpoint", 405: "the endpoint does not take this method"}.get(status, str(error))
    response = error_response(Invalid(f"{where}: {reason}"), status)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
