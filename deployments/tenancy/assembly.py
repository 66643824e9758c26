"""From what is configured to a gatekeeper with its stores open."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from deployments.errors import Misconfigured
from deployments.remote.spec import KeyRef
from deployments.tenancy.gatekeeper import Gatekeeper
from deployments.tenancy.identification import Identification
from deployments.tenancy.identity import Scopes
from deployments.tenancy.keys.lookup import KeyLookup
from deployments.tenancy.keys.secret import LEAST_PEPPER_BYTES, MOST_PEPPER_BYTES, new_pepper
from deployments.tenancy.keys.sqlite import SCHEMA as KEYS_SCHEMA
from deployments.tenancy.keys.sqlite import SqliteKeys
from deployments.tenancy.keys.store import KeyStore
from deployments.tenancy.lease import Lease
from deployments.tenancy.ledger.sqlite import SCHEMA as LEDGER_SCHEMA
from deployments.tenancy.ledger.sqlite import SqliteLedger
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.rights import Rights, TenantRights
from deployments.tenancy.spec import AccessSpec, StoreSpec, TenantSpec
from deployments.tenancy.stores.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from deployments.tenancy.oidc.tokens import Tokens

_MOST_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What is kept of keys and accounts, whether it is kept for good, and how to let go of it.

    ``check`` raises Misconfigured where the store may throw accounts away, and StoreAwayError where it does not answer.
    """

    keys: KeyStore
    ledger: Ledger
    check: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


def open_stores(spec: StoreSpec, environ: Mapping[str, str] = os.environ) -> Stores:
    """Open the configured store; nothing is asked of it yet. Raises Misconfigured where its password is not found."""
    if spec.sqlite is not None:
        schema = (*LEDGER_SCHEMA, *KEYS_SCHEMA)
        file = SqliteFile(Path(spec.sqlite), schema, power_safe=spec.power_safe, within_s=spec.timeout)
        return Stores(keys=SqliteKeys(file), ledger=SqliteLedger(file), check=_kept, close=file.close)
    # Whoever keeps everything in a file needs no client of a server.
    from deployments.tenancy.keys.redis import RedisKeys  # noqa: PLC0415
    from deployments.tenancy.ledger.redis import RedisLedger  # noqa: PLC0415
    from deployments.tenancy.stores.redis_server import RedisServer  # noqa: PLC0415

    assert spec.redis is not None, "a store is one of the two"  # noqa: S101
    ref = spec.redis.password
    password = None if ref is None else _secret(ref, "access.store.redis.password", environ)
    server = RedisServer(
        spec.redis.url,
        username=spec.redis.username,
        password=password,
        prefix=spec.redis.prefix,
        within_s=spec.timeout,
    )

    async def check() -> None:
        if (policy := await server.forgets()) is not None:
            raise Misconfigured(
                f"access.store.redis: the server throws accounts away when its memory is full ({policy}), and with "
                "them what was spent; set its maxmemory-policy to noeviction, or give caches another server"
            )

    return Stores(keys=RedisKeys(server), ledger=RedisLedger(server), check=check, close=server.close)


async def _kept() -> None:
    """Find nothing wrong with a file."""


async def pepper_of(access: AccessSpec, keys: KeyStore, environ: Mapping[str, str] = os.environ) -> bytes:
    """Return what keys are hashed with: the configured secret, else the store's own."""
    if access.keys.pepper is None:
        return await keys.pepper(new_pepper())
    found = _secret(access.keys.pepper, "access.keys.pepper", environ).encode()
    if not LEAST_PEPPER_BYTES <= len(found) <= MOST_PEPPER_BYTES:
        bounds = f"{LEAST_PEPPER_BYTES} to {MOST_PEPPER_BYTES}"
        raise Misconfigured(f"access.keys.pepper: what is found there has {len(found)} bytes, not {bounds}")
    return found


def rights_of(tenants: Mapping[str, TenantSpec], access: AccessSpec, nodes: Collection[str]) -> Rights:
    """Return what tenants may do; what they are allowed is a graph node where *nodes* has it, else a model."""
    return Rights(tenants={name: _tenant(spec, nodes) for name, spec in tenants.items()}, models=access.models)


async def gatekeeper_of(
    access: AccessSpec, stores: Stores, rights: Rights, environ: Mapping[str, str] = os.environ
) -> tuple[Gatekeeper, Callable[[], Awaitable[None]]]:
    """Return the gatekeeper over open *stores*, and what to call when it is not needed any more.

    Raises Misconfigured where secrets are not found or the store forgets, and StoreAwayError where it does not answer;
    the stores stay the caller's to close then.
    """
    await stores.check()
    pepper = await pepper_of(access, stores.keys, environ)
    tokens = _tokens(access)
    keys = KeyLookup(stores.keys, pepper, cached_s=access.keys.cache)
    gatekeeper = Gatekeeper(
        Identification(keys, tokens),
        stores.ledger,
        rights,
        new_hold=lambda: uuid4().hex,
        lease=Lease(us=int(access.lease * 1e6)),
        uncounted=access.when_store_is_away == "admit",
    )

    async def close() -> None:
        if tokens is not None:
            await tokens.close()
        await stores.close()

    return gatekeeper, close


def _tokens(access: AccessSpec) -> Tokens | None:
    if not access.issuers:
        return None
    # What checks signatures is loaded where somebody else's are taken.
    from deployments.tenancy.oidc.tokens import Tokens  # noqa: PLC0415

    return Tokens(access.issuers)


def _tenant(spec: TenantSpec, nodes: Collection[str]) -> TenantRights:
    scopes = Scopes(admin=True)
    if spec.allow is not None:
        allowed = frozenset(spec.allow)
        scopes = Scopes(models=allowed - set(nodes), nodes=allowed & set(nodes), admin=True)
    return TenantRights(scopes=scopes, limits=spec.limits, each_key=spec.each_key, models=spec.models)


def _secret(ref: KeyRef, field: str, environ: Mapping[str, str]) -> str:
    """Return what *ref* leads to; raises Misconfigured, which says where to look and nothing of what is there."""
    place = ref.env or ref.file or ""
    try:
        found = environ.get(place, "") if ref.env else Path(place).read_bytes()[:_MOST_BYTES].decode()
    except (OSError, UnicodeDecodeError):
        found = ""
    if not found.strip():
        raise Misconfigured(f"{field}: nothing is found in {place}; put it there, or name another place")
    return found.strip()
