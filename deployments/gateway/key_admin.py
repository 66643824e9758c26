"""The admin routes of API keys: make them, list them, replace them, end them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from deployments.adapters import ALL, served_name
from deployments.errors import Forbidden, NotFound
from deployments.gateway.checked import Body, NonEmpty, checked, wrong
from deployments.gateway.door import Door, away
from deployments.gateway.gateway import Gateway
from deployments.gateway.guarded import Answered, admin_body, guarded
from deployments.gateway.settings import GatewaySettings
from deployments.quantities import seconds
from deployments.strict import nearest
from deployments.tenancy.keys import issuing
from deployments.tenancy.keys.issuing import NoSuchKeyError, Wanted, narrowed
from deployments.tenancy.keys.secret import Key, is_id
from deployments.tenancy.keys.told import moment, shown
from deployments.tenancy.limits.spec import Allotment
from deployments.tenancy.statements import statements
from deployments.tenancy.stores.away import StoreAwayError

_MOST_NAME_CHARS = 200
_USUAL_OVERLAP_S = 3600.0
Step = Callable[[Door, HttpRequest, float], Awaitable[Answered]]


class _Create(Body, kw_only=True):
    tenant: NonEmpty
    name: str = ""
    models: list[str] | None = None
    nodes: list[str] | None = None
    admin: bool = False
    expires: str | float | None = None
    limits: dict[str, Any] | None = None

    def check(self) -> None:
        if len(self.name) > _MOST_NAME_CHARS:
            raise wrong("name", f"has more than {_MOST_NAME_CHARS} characters")


class _Rotate(Body, kw_only=True):
    overlap: str | float = _USUAL_OVERLAP_S


class _Expire(Body, kw_only=True):
    within: str | float


def key_routes(gateway: Gateway) -> list[Route]:
    """Return the routes; a duration is written as in a configuration, and a key is shown when it is made alone."""

    async def listed(door: Door, _: HttpRequest, now_s: float) -> Answered:
        return {"keys": [shown(record, now_s) for record in await (await door.stores()).keys.all()]}

    async def create(door: Door, http: HttpRequest, now_s: float) -> Answered:
        wanted = _wanted(checked(await admin_body(http), _Create), gateway.live.settings, now_s)
        return _made(await issuing.create((await door.stores()).keys, await door.pepper(), wanted, now_s))

    async def rotate(door: Door, http: HttpRequest, now_s: float) -> Answered:
        overlap_s = _seconds("overlap", checked(await admin_body(http), _Rotate).overlap)
        keys, pepper = (await door.stores()).keys, await door.pepper()
        return {**_made(await issuing.rotate(keys, pepper, _id(http), now_s, overlap_s)), "replaces": _id(http)}

    async def expire(door: Door, http: HttpRequest, now_s: float) -> Answered:
        at_s = now_s + _seconds("within", checked(await admin_body(http), _Expire).within)
        await issuing.expire((await door.stores()).keys, _id(http), at_s)
        return {"id": _id(http), "expires": moment(at_s)}

    async def revoke(door: Door, http: HttpRequest, now_s: float) -> Answered:
        await issuing.revoke((await door.stores()).keys, _id(http), now_s)
        return {"id": _id(http), "revoked": moment(now_s)}

    def route(path: str, action: str, step: Step, method: str = "POST") -> Route:
        logged = _counted if method == "GET" else _without_key
        return Route(path, guarded(gateway, action, _on_keys(gateway, step), logged), methods=[method])

    async def budgets(door: Door, http: HttpRequest, now_s: float) -> Answered:
        tenant = _known("tenant", http.query_params.get("tenant", ""), gateway.live.settings.tenants)
        stores = await door.stores()
        every = await stores.keys.all()
        return {"budgets": await statements(door.rights, tenant, every, stores.ledger, int(now_s * 1e6))}

    return [
        Route("/admin/budgets", guarded(gateway, "budgets", _on_keys(gateway, budgets)), methods=["GET"]),
        route("/admin/keys", "keys", listed, "GET"),
        route("/admin/keys", "key_create", create),
        route("/admin/keys/{id}/rotate", "key_rotate", rotate),
        route("/admin/keys/{id}/expire", "key_expire", expire),
        route("/admin/keys/{id}/revoke", "key_revoke", revoke),
    ]


def _on_keys(gateway: Gateway, step: Step) -> Callable[[HttpRequest], Awaitable[Answered]]:
    """Return *step* on the keys that this gateway knows, with what can go wrong there as errors of the one tree."""

    async def run(http: HttpRequest) -> Answered:
        door = gateway.live.door
        if door is None:
            raise Forbidden("there are no keys here: give `access` a store, and name `tenants`")
        try:
            return await step(door, http, time.time())
        except NoSuchKeyError as error:
            raise NotFound(str(error)) from error
        except StoreAwayError as error:
            raise away() from error

    return run


def _wanted(asked: _Create, settings: GatewaySettings, now_s: float) -> Wanted:
    models, nodes = narrowed(
        _names("models", asked.models, _grantable(settings)), _names("nodes", asked.nodes, settings.graph)
    )
    return Wanted(
        tenant=_known("tenant", asked.tenant, settings.tenants),
        name=asked.name,
        models=models,
        nodes=nodes,
        admin=asked.admin,
        expires_s=None if asked.expires is None else now_s + _seconds("expires", asked.expires),
        limits=_limits(asked.limits),
    )


def _grantable(settings: GatewaySettings) -> Collection[str]:
    pools = (name for name, model in settings.models.items() if model.remote is None)
    return [*settings.model_names(), *(served_name(pool, ALL) for pool in pools)]


def _limits(written: Mapping[str, Any] | None) -> Allotment | None:
    try:
        return None if written is None else Allotment.model_validate(written)
    except ValidationError as error:
        line = error.errors(include_url=False)[0]
        raise wrong(".".join(map(str, ("limits", *line["loc"]))), line["msg"]) from None


def _names(field: str, names: list[str] | None, known: Collection[str]) -> tuple[str, ...] | None:
    return None if names is None else tuple(_known(field, name, known) for name in names)


def _known(field: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise wrong(field, f"there is no {name[:_MOST_NAME_CHARS]!r}; {nearest(name, known)}")
    return name


def _seconds(field: str, written: str | float) -> float:
    try:
        return seconds(written)
    except ValueError as error:
        raise wrong(field, str(error)) from None


def _made(key: Key) -> dict[str, Any]:
    return {"id": key.id, "key": key.text()}


def _id(http: HttpRequest) -> str:
    named = str(http.path_params["id"])
    if not is_id(named):
        raise wrong("id", "is no key's id; give the part of the key between the underscores alone")
    return named


def _without_key(answer: Answered) -> Mapping[str, Any]:
    return {name: value for name, value in answer.items() if name != "key"}


def _counted(answer: Answered) -> Mapping[str, Any]:
    return {"count": len(answer["keys"])}
