"""An admin route: the token first, then the body, and a line in the log whatever comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from deployments.audit.lines import Administered
from deployments.errors import DeadlineExceeded, Forbidden, ServingError
from deployments.gateway.auditing import Keep
from deployments.gateway.body import read_json
from deployments.gateway.gateway import Gateway
from deployments.gateway.operator import NEEDED, asking, check_port
from deployments.gateway.wire_errors import error_response
from deployments.telemetry.logs import event

_READ_S = 30.0
_MAX_BODY = 64 * 2**10

Answered = Mapping[str, Any]
Logged = Callable[[Answered], Mapping[str, Any]]
Undo = Callable[[Answered], Awaitable[None]]


def unlogged(_: Answered) -> Mapping[str, Any]:
    """Log nothing of an answer."""
    return {}


def guarded(
    gateway: Gateway,
    action: str,
    run: Callable[[HttpRequest], Awaitable[Answered]],
    logged: Logged = unlogged,
    undo: Undo | None = None,
) -> Callable[[HttpRequest], Awaitable[Response]]:
    """Admit first, before anything of the body is read; every attempt is logged, what opens the route never.

    What somebody does who is known, or is refused, is part of the audit trail, where there is one. What must be
    recorded and cannot be is *undo*ne.
    """

    async def handle(http: HttpRequest) -> Response:
        try:
            check_port(gateway.live.settings, http)
            who, may = await asking(gateway, http)
            with gateway.auditing.operating() as keep:
                answer = await _done(http, who, keep, may=may)
        except ServingError as error:
            event("admin", logging.WARNING, action=action, request_id=http.state.request_id, outcome=error.code)
            return error_response(error)
        except ClientDisconnect:
            return Response(status_code=499)
        told = logged(answer)
        event("admin", action=action, request_id=http.state.request_id, outcome="ok", who=who, **told)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def _done(http: HttpRequest, who: str, keep: Keep, *, may: bool) -> Answered:
        record = Administered(
            at_s=gateway.utc_now().timestamp(), request_id=http.state.request_id, who=who, action=action, outcome="ok"
        )
        try:
            answer = await (run(http) if may else _refused())
        except ClientDisconnect:  # who left before it had said what it wanted
            raise
        except Exception as error:
            code = error.code if isinstance(error, ServingError) else ServingError.code
            await keep(msgspec.structs.replace(record, outcome=code))
            raise
        try:
            await keep(msgspec.structs.replace(record, told=logged(answer)))
        except ServingError:
            if undo is not None:
                await undo(answer)
            raise
        return answer

    return handle


async def admitted(gateway: Gateway, action: str, http: HttpRequest) -> str:
    """Return who asks for what is not answered by plain JSON; logged, recorded and refused as everything here is."""
    try:
        check_port(gateway.live.settings, http)
        who, may = await asking(gateway, http)
        outcome = "ok" if may else Forbidden.code
        with gateway.auditing.operating() as keep:
            at_s = gateway.utc_now().timestamp()
            await keep(
                Administered(at_s=at_s, request_id=http.state.request_id, who=who, action=action, outcome=outcome)
            )
    except ServingError as error:
        event("admin", logging.WARNING, action=action, request_id=http.state.request_id, outcome=error.code)
        raise
    event("admin", action=action, request_id=http.state.request_id, outcome=outcome, who=who)
    if not may:
        raise Forbidden(NEEDED)
    return who


async def _refused() -> Answered:
    raise Forbidden(NEEDED)


async def admin_body(http: HttpRequest) -> dict[str, Any]:
    """Read a small body; raises an Invalid, or DeadlineExceeded where it does not come."""
    try:
        async with asyncio.timeout(_READ_S):
            return await read_json(http, _MAX_BODY)
    except TimeoutError as error:
        raise DeadlineExceeded("the body did not arrive in time") from error
