"""Make keys, replace them, end them: what an operator does with them."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.tenancy.keys.record import KeyRecord
from deployments.tenancy.keys.secret import Key, digest, mint
from deployments.tenancy.keys.store import KeyStore
from deployments.tenancy.limits.spec import Allotment

Names = tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A key to make; ``expires_s`` is Unix time, what is None is unbounded."""

    tenant: str
    name: str = ""
    models: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None
    admin: bool = False
    expires_s: float | None = None
    limits: Allotment | None = None


def narrowed(models: Names, nodes: Names) -> tuple[Names, Names]:
    """Return what a key may ask for: where only one of the two is given, nothing of the other."""
    if models is None and nodes is None:
        return None, None
    return models or (), nodes or ()


class NoSuchKeyError(Exception):
    """No key has the id, or it is over and cannot be replaced."""


async def create(keys: KeyStore, pepper: bytes, wanted: Wanted, now_s: float) -> Key:
    """Make a key and keep its hash; the key itself exists only in what is returned."""
    key = mint()
    await _keep(keys, pepper, key, wanted, key.id, now_s)
    return key


async def rotate(keys: KeyStore, pepper: bytes, key_id: str, now_s: float, overlap_s: float) -> Key:
    """Make a key that takes another's place; the old one works for *overlap_s* more seconds at most.

    Both have one account meanwhile: rotating a key buys nobody new limits or budgets.
    """
    old = await keys.get(key_id)
    if old is None or old.state(now_s) != "active":
        raise NoSuchKeyError(f"there is no active key {key_id!r}")
    key = mint()
    wanted = Wanted(
        tenant=old.tenant,
        name=old.name,
        models=old.models,
        nodes=old.nodes,
        admin=old.admin,
        expires_s=old.expires_s,
        limits=None if old.limits is None else Allotment.model_validate(old.limits),
    )
    # The new one first: whoever is interrupted in between has two keys, not none.
    await _keep(keys, pepper, key, wanted, old.account, now_s)
    await keys.shorten(key_id, expires_s=now_s + overlap_s)
    return key


async def revoke(keys: KeyStore, key_id: str, now_s: float) -> None:
    """End a key now; gateways that have it cached notice within seconds."""
    if not await keys.shorten(key_id, revoked_s=now_s):
        raise NoSuchKeyError(f"there is no key {key_id!r}")


async def expire(keys: KeyStore, key_id: str, at_s: float) -> None:
    """End a key at *at_s*, or when it ends anyway if that is sooner."""
    if not await keys.shorten(key_id, expires_s=at_s):
        raise NoSuchKeyError(f"there is no key {key_id!r}")


async def _keep(keys: KeyStore, pepper: bytes, key: Key, wanted: Wanted, account: str, now_s: float) -> None:
    record = KeyRecord(
        id=key.id,
        digest=digest(key, pepper),
        tenant=wanted.tenant,
        account=account,
        created_s=now_s,
        name=wanted.name,
        models=wanted.models,
        nodes=wanted.nodes,
        admin=wanted.admin,
        expires_s=wanted.expires_s,
        limits=None if wanted.limits is None else wanted.limits.model_dump(mode="json", exclude_unset=True),
    )
    if not await keys.add(record):
        raise RuntimeError("two keys were given one id")  # 62 bits of chance; better no key than another's
