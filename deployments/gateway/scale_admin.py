"""The admin routes of scaling: how the pools are and why, and an operator's word on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from deployments.errors import Invalid, NotFound
from deployments.gateway.checked import Body, NonEmpty, checked, wrong
from deployments.gateway.gateway import Gateway
from deployments.gateway.guarded import admin_body, guarded
from deployments.quantities import seconds

MOST_REPLICAS = 100_000


class ScalingAdmin(Protocol):
    """Tells how pools are sized, and takes an operator's orders; an order answers why not, "" where it is done."""

    async def explain(self, pool: str) -> dict[str, Any]: ...

    async def order(self, action: str, fields: Mapping[str, Any]) -> str: ...


class _Answer(Body, kw_only=True):
    id: NonEmpty

    def fields(self) -> dict[str, Any]:
        return {"id": self.id}


class _Unpin(Body, kw_only=True):
    pool: NonEmpty

    def fields(self) -> dict[str, Any]:
        return {"pool": self.pool}


class _Pin(_Unpin, kw_only=True, rename={"for_s": "for"}):
    replicas: int
    for_s: str | float
    why: NonEmpty

    def check(self) -> None:
        if not 0 <= self.replicas <= MOST_REPLICAS:
            raise wrong("replicas", f"is not between 0 and {MOST_REPLICAS}")
        self.fields()

    def fields(self) -> dict[str, Any]:
        try:
            for_s = seconds(self.for_s)
        except ValueError as error:
            raise wrong("for", str(error)) from None
        return {"pool": self.pool, "replicas": self.replicas, "for_s": for_s, "why": self.why}


_ORDERS: Mapping[str, type[_Answer | _Unpin]] = {"approve": _Answer, "reject": _Answer, "pin": _Pin, "unpin": _Unpin}


def scale_routes(gateway: Gateway, admin: ScalingAdmin) -> list[Route]:
    """Return the routes; a duration is written as in a configuration."""

    async def explain(http: HttpRequest) -> Mapping[str, Any]:
        pool: str = http.path_params.get("pool", "")
        told = await admin.explain(pool)
        if not told:
            raise NotFound(f"there is no pool {pool[:200]!r}")
        return told

    def order(action: str) -> Route:
        async def run(http: HttpRequest) -> Mapping[str, Any]:
            fields = checked(await admin_body(http), _ORDERS[action]).fields()
            if refused := await admin.order(action, fields):
                raise Invalid(refused)
            return {"done": action, **fields}

        return Route(f"/admin/scale/{action}", guarded(gateway, f"scale_{action}", run, dict), methods=["POST"])

    return [
        Route("/admin/scale", guarded(gateway, "scale", explain), methods=["GET"]),
        Route("/admin/scale/{pool}", guarded(gateway, "scale_explain", explain), methods=["GET"]),
        *map(order, _ORDERS),
    ]
