"""Gateways that know their callers, for tests: keys made as operators make them, accounts read from the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from deployments.tenancy.keys import issuing
from deployments.tenancy.keys.issuing import Wanted
from deployments.tenancy.ledger.lines import Statement
from tests.deployments.gateway.building import gateway

EVER = {"per": "ever"}


def access(store: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the section; what is known of keys holds for a moment only."""
    return {"store": dict(store), "keys": {"cache": 0.05}, **fields}


@asynccontextmanager
async def guarded(transport: Any, store: Mapping[str, Any], **changed: Any) -> AsyncIterator[Gateway]:
    """Run a gateway with the tenants ``acme`` and ``other``, unless others are given."""
    tenants = changed.pop("tenants", {"acme": {}, "other": {}})
    served = gateway(transport, access=access(store, **changed.pop("access", {})), tenants=tenants, **changed)
    try:
        yield served
    finally:
        await served.close()


async def key_of(served: Gateway, tenant: str = "acme", **wanted: Any) -> str:
    """Make a key."""
    door = served.live.door
    assert door is not None
    key = await issuing.create(
        (await door.stores()).keys, await door.pepper(), Wanted(tenant=tenant, **wanted), time.time()
    )
    return key.text()


async def caller(served: Gateway, tenant: str = "acme", **wanted: Any) -> httpx.AsyncClient:
    """Return a client that shows a new key, and calls the application in memory."""
    return calling(served, await key_of(served, tenant, **wanted))


def calling(served: Gateway, key: str = "") -> httpx.AsyncClient:
    """Return a client that shows *key*."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app=build_app(served, keys=True))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers, timeout=60)


async def account(served: Gateway, name: str) -> Statement:
    """Return a quota's account, once nothing is settled beside it any more."""
    door = served.live.door
    assert door is not None
    while served.entrance._settling:
        await asyncio.gather(*served.entrance._settling)
    return await (await door.stores()).ledger.statement(name, served.entrance.now_us())
