"""The admin routes of API keys: make them, list them, replace them, end them."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from deployments.errors import Forbidden, NotFound, ServingError
from deployments.gateway.checked import checked, wrong
from deployments.gateway.door import Door, away
from deployments.gateway.gateway import Gateway
from deployments.gateway.guarded import Answered, Logged, Undo, admin_body, guarded, unlogged
from deployments.gateway.key_wishes import Create, Expire, Rotate, known_to
from deployments.gateway.settings import GatewaySettings
from deployments.telemetry.logs import event
from deployments.tenancy.keys import issuing
from deployments.tenancy.keys.issuing import NoSuchKeyError
from deployments.tenancy.keys.secret import Key, is_id
from deployments.tenancy.keys.store import KeyStore
from deployments.tenancy.keys.told import moment, shown
from deployments.tenancy.keys.wishes import WishError, duration, one_of, wanted
from deployments.tenancy.statements import statements
from deployments.tenancy.stores.away import StoreAwayError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """What a step works on: the stores behind *door*, by *settings*, at Unix time *now_s*."""

    door: Door
    settings: GatewaySettings
    now_s: float

    async def keys(self) -> KeyStore:
        """Return the store of keys."""
        return (await self.door.stores()).keys


Step = Callable[[_Here, HttpRequest], Awaitable[Answered]]


def _without_key(answer: Answered) -> Mapping[str, Any]:
    return {name: value for name, value in answer.items() if name != "key"}


def _counted(answer: Answered) -> Mapping[str, Any]:
    return {"count": len(answer["keys"])}


def key_routes(gateway: Gateway) -> list[Route]:
    """Return the routes; a duration is written as in a configuration, and a key is shown when it is made alone."""

    async def withdraw(answer: Answered) -> None:
        if gateway.live.door is not None:
            await _withdrawn(gateway.live.door, answer["id"])

    def route(
        path: str, action: str, step: Step, *, method: str = "POST", logged: Logged = _without_key,
        undo: Undo | None = None,
    ) -> Route:  # fmt: skip
        return Route(path, guarded(gateway, action, _on_keys(gateway, step), logged, undo), methods=[method])

    return [
        route("/admin/budgets", "budgets", _budgets, method="GET", logged=unlogged),
        route("/admin/keys", "keys", _listed, method="GET", logged=_counted),
        route("/admin/keys", "key_create", _create, undo=withdraw),
        route("/admin/keys/{id}/rotate", "key_rotate", _rotate, undo=withdraw),
        route("/admin/keys/{id}/expire", "key_expire", _expire),
        route("/admin/keys/{id}/revoke", "key_revoke", _revoke),
    ]


async def _listed(here: _Here, _: HttpRequest) -> Answered:
    return {"keys": [shown(record, here.now_s) for record in await (await here.keys()).all()]}


async def _create(here: _Here, http: HttpRequest) -> Answered:
    wish = checked(await admin_body(http), Create).wish()
    asked = wanted(wish, known_to(here.settings), here.now_s)
    return _made(await issuing.create(await here.keys(), await here.door.pepper(), asked, here.now_s))


async def _rotate(here: _Here, http: HttpRequest) -> Answered:
    overlap_s = duration("overlap", checked(await admin_body(http), Rotate).overlap)
    made = await issuing.rotate(await here.keys(), await here.door.pepper(), _id(http), here.now_s, overlap_s)
    return {**_made(made), "replaces": _id(http)}


async def _expire(here: _Here, http: HttpRequest) -> Answered:
    at_s = here.now_s + duration("within", checked(await admin_body(http), Expire).within)
    await issuing.expire(await here.keys(), _id(http), at_s)
    return {"id": _id(http), "expires": moment(at_s)}


async def _revoke(here: _Here, http: HttpRequest) -> Answered:
    await issuing.revoke(await here.keys(), _id(http), here.now_s)
    return {"id": _id(http), "revoked": moment(here.now_s)}


async def _budgets(here: _Here, http: HttpRequest) -> Answered:
    tenant = one_of("tenant", http.query_params.get("tenant", ""), here.settings.tenants)
    stores = await here.door.stores()
    every = await stores.keys.all()
    return {"budgets": await statements(here.door.rights, tenant, every, stores.ledger, int(here.now_s * 1e6))}


async def _withdrawn(door: Door, key_id: str) -> None:
    """End a key that nobody has seen."""
    try:
        await issuing.revoke((await door.stores()).keys, key_id, time.time())
    except (StoreAwayError, ServingError) as error:
        event("key_not_withdrawn", logging.ERROR, key=key_id, error=error)


def _on_keys(gateway: Gateway, step: Step) -> Callable[[HttpRequest], Awaitable[Answered]]:
    """Return *step* on the keys that this gateway knows, with what can go wrong there as errors of the one tree."""

    async def run(http: HttpRequest) -> Answered:
        door = gateway.live.door
        if door is None:
            raise Forbidden("there are no keys here: give `access` a store, and name `tenants`")
        try:
            return await step(_Here(door=door, settings=gateway.live.settings, now_s=time.time()), http)
        except WishError as error:
            raise wrong(error.field, error.why) from None
        except NoSuchKeyError as error:
            raise NotFound(str(error)) from error
        except StoreAwayError as error:
            raise away() from error

    return run


def _made(key: Key) -> dict[str, Any]:
    return {"id": key.id, "key": key.text()}


def _id(http: HttpRequest) -> str:
    named = str(http.path_params["id"])
    if not is_id(named):
        raise wrong("id", "is no key's id; give the part of the key between the underscores alone")
    return named
