"""A store of keys and accounts that no gateway could open, found before any is started."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from deployments.errors import Misconfigured
from deployments.tenancy.assembly import open_stores, pepper_of
from deployments.tenancy.spec import AccessSpec
from deployments.tenancy.stores.away import StoreAwayError


def store_obstacle(settings: Mapping[str, Any]) -> str | None:
    """Say in one sentence why a gateway with *settings* could let nobody in, None where it could."""
    if settings.get("access") is None:
        return None
    access = AccessSpec.model_validate(settings["access"])
    return None if access.open else asyncio.run(_tried(access))


async def _tried(access: AccessSpec) -> str | None:
    try:
        stores = open_stores(access.kept)
    except Misconfigured as error:
        return error.message
    try:
        await stores.check()
        await pepper_of(access, stores.keys)
    except Misconfigured as error:
        return error.message
    except StoreAwayError as error:
        return f"access.store: nobody could be let in, since it does not answer ({error}): start it, or name another."
    finally:
        await stores.close()
    return None
