"""The store of keys and accounts, as an operator opens it: beside the gateways."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from deployments.tenancy.assembly import Stores, open_stores, pepper_of
from deployments.tenancy.keys import issuing
from deployments.tenancy.keys.issuing import Wanted
from deployments.tenancy.spec import AccessSpec


@asynccontextmanager
async def opened(access: Mapping[str, Any]) -> AsyncIterator[tuple[AccessSpec, Stores]]:
    """Open the store that *access*, a section of the configuration, names."""
    spec = AccessSpec.model_validate(dict(access))
    stores = open_stores(spec.kept)
    try:
        yield spec, stores
    finally:
        await stores.close()


async def new_keys(access: Mapping[str, Any], *tenants: str) -> list[str]:
    """Make a key for each of *tenants*."""
    async with opened(access) as (spec, stores):
        pepper = await pepper_of(spec, stores.keys)
        made = [await issuing.create(stores.keys, pepper, Wanted(tenant=one), time.time()) for one in tenants]
        return [key.text() for key in made]
