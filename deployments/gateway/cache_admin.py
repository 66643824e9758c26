"""The admin route of the answer cache: have every gateway forget the answers of a model, of a tenant or by a tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from deployments.answers.orders import BYS, By, Forgotten
from deployments.errors import Invalid, TimedOut
from deployments.gateway.checked import Body, NonEmpty, checked, wrong
from deployments.gateway.gateway import Gateway
from deployments.gateway.guarded import Answered, admin_body, guarded
from deployments.nodes.cache.asked import is_tag

WITHIN_S = 30.0
_MOST_CHARS = 500


class ForgettingAdmin(Protocol):
    """Has every gateway forget, and says after *within_s* seconds at most which have."""

    async def forget(self, by: By, name: str, within_s: float) -> Forgotten: ...


class _Forget(Body, kw_only=True):
    model: NonEmpty | None = None
    tenant: NonEmpty | None = None
    tag: NonEmpty | None = None

    def named(self) -> tuple[By, str]:
        """Return the one thing that is named; raises an Invalid."""
        named = [(by, name) for by in BYS if (name := getattr(self, by)) is not None]
        if len(named) != 1:
            raise Invalid("name one of model, tenant and tag; nothing named is not everything")
        by, name = named[0]
        if len(name) > _MOST_CHARS or (by == "tag" and not is_tag(name)):
            raise wrong(by, "can be nobody's: it is too long, or no tag")
        return by, name


def cache_routes(gateway: Gateway, admin: ForgettingAdmin) -> list[Route]:
    """Return the route. A name that nothing has any more is none the less one that answers may be kept under."""

    async def forget(http: HttpRequest) -> Answered:
        by, name = checked(await admin_body(http), _Forget).named()
        found = await admin.forget(by, name, min(WITHIN_S, gateway.live.settings.request_timeout))
        if not found.everywhere:
            raise TimedOut(late(by, name, found))
        return {by: name, "gateways": list(found.done)}

    def logged(answer: Answered) -> Mapping[str, Any]:
        return {by: answer[by] for by in BYS if by in answer}

    path = "/admin/cache/forget"
    return [Route(path, guarded(gateway, "cache_forget", forget, logged), methods=["POST"])]


def late(by: str, name: str, found: Forgotten) -> str:
    """Say who has not forgotten yet."""
    where = ", ".join(found.waiting) or "any gateway"
    return f"the answers of {by} {name[:200]!r} are not forgotten yet by {where}; that goes on by itself, watch the log"
