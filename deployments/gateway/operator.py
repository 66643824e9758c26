"""Who may see and change how a gateway runs: the holder of the admin token, or of a key with the admin scope."""

from __future__ import annotations

import asyncio

from starlette.requests import Request as HttpRequest

from deployments.errors import Forbidden, ServingError
from deployments.gateway.admin_guard import admit
from deployments.gateway.gateway import Gateway
from deployments.gateway.identified import caller_of
from deployments.gateway.settings import GatewaySettings

HOLDER = "the holder of the admin token"
NEEDED = "this needs a key with the admin scope"


def check_port(settings: GatewaySettings, http: HttpRequest) -> None:
    """Raise Forbidden where what is for operators is served on another port than this one, or on none."""
    if getattr(http.app.state, "for_operators", False):
        return
    if settings.admin.port is not None:
        raise Forbidden("operators have a port of their own, which gateway.admin.port names")
    if not settings.loopback:
        raise Forbidden("the admin routes are not on a port that other machines reach: set gateway.admin.port")


async def operator(gateway: Gateway, http: HttpRequest) -> str:
    """Return who asks, for the log: tenant and key; raises Unauthorized or Forbidden where it is no operator."""
    who, may = await asking(gateway, http)
    if not may:
        raise Forbidden(NEEDED)
    return who


async def asking(gateway: Gateway, http: HttpRequest) -> tuple[str, bool]:
    """Return who asks, and whether it is an operator; raises Unauthorized where nobody is known.

    The token opens where one is named. Where keys are known, one with the admin scope does too.
    """
    settings, named = gateway.live.settings, gateway.live.settings.admin.named
    if gateway.live.door is None or named:
        try:
            await asyncio.to_thread(admit, http.headers.get("authorization"), settings.admin)
        except ServingError:
            if gateway.live.door is None:
                raise
        else:
            return HOLDER, True
    caller = await caller_of(gateway, http)
    if caller is None:
        raise Forbidden(NEEDED)
    return f"{caller.who.tenant}/{caller.who.key}", caller.scopes.admin


async def is_operator(gateway: Gateway, http: HttpRequest) -> bool:
    """Say whether everything may be shown: to anybody where everybody may come in, else to operators."""
    if gateway.live.door is None:
        return True
    if not (http.headers.get("authorization") or http.headers.get("x-api-key")):
        return False
    try:
        await operator(gateway, http)
    except ServingError:
        return False
    return True
