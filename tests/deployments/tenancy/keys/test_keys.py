"""The life of a key, on every store."""

from __future__ import annotations

import asyncio

import pytest

from deployments.errors import Misconfigured, Unauthorized
from deployments.tenancy.identity import Identity, Scopes
from deployments.tenancy.keys.issuing import NoSuchKeyError, Wanted, create, revoke, rotate
from deployments.tenancy.keys.lookup import MOST_CACHED_S, KeyLookup
from deployments.tenancy.keys.record import KeyRecord
from deployments.tenancy.keys.secret import digest, mint
from deployments.tenancy.keys.store import KeyStore
from deployments.tenancy.keys.strangers import MOST_A_SECOND
from deployments.tenancy.stores.away import StoreAwayError

PEPPER = b"pepper of sixteen"
NOW = 1_800_000_000.0


class Counted:
    """Counts what is asked of a store, and breaks it on demand."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys, self.asked, self.away = keys, 0, False

    async def get(self, key_id: str) -> KeyRecord | None:
        self.asked += 1
        if self.away:
            raise StoreAwayError("gone")
        return await self._keys.get(key_id)

    def __getattr__(self, name: str):
        return getattr(self._keys, name)


async def test_a_created_key_tells_its_holder(keys: KeyStore) -> None:
    """Its tenant, its own name in accounts, and what it may ask for."""
    wanted = Wanted(tenant="acme", name="ci", models=("dense",), nodes=(), admin=True)
    key = await create(keys, PEPPER, wanted, NOW)
    found = await KeyLookup(keys, PEPPER).holder(key.text(), NOW)
    scopes = Scopes(models=frozenset({"dense"}), nodes=frozenset(), admin=True)
    assert found == Identity(tenant="acme", key=key.id, scopes=scopes)


async def test_no_store_holds_a_key_in_clear(keys: KeyStore) -> None:
    """Only what cannot be turned back."""
    key = await create(keys, PEPPER, Wanted(tenant="acme"), NOW)
    (record,) = await keys.all()
    assert key.secret not in repr(record)
    assert len(record.digest) == 32


async def test_a_wrong_secret_under_a_right_id_is_nobody(keys: KeyStore) -> None:
    """And is told as one whose id is unknown."""
    key, other = await create(keys, PEPPER, Wanted(tenant="acme"), NOW), mint()
    lookup = KeyLookup(keys, PEPPER)
    for wrong in (other.text(), type(key)(id=key.id, secret=other.secret).text()):
        with pytest.raises(Unauthorized, match="the API key is not known"):
            await lookup.holder(wrong, NOW)
    with pytest.raises(Unauthorized, match="the API key is not known"):
        await KeyLookup(keys, PEPPER[::-1]).holder(key.text(), NOW)
    with pytest.raises(Unauthorized, match="mistyped"):
        await lookup.holder(key.text()[:-1], NOW)


async def test_a_key_expires(keys: KeyStore) -> None:
    """To the second, cached or not."""
    key = await create(keys, PEPPER, Wanted(tenant="acme", expires_s=NOW + 1), NOW)
    lookup = KeyLookup(keys, PEPPER)
    await lookup.holder(key.text(), NOW + 0.99)
    with pytest.raises(Unauthorized, match="expired"):
        await lookup.holder(key.text(), NOW + 1)


async def test_a_revoked_key_is_refused_within_five_seconds_everywhere(keys: KeyStore) -> None:
    """Each gateway has its own memory, and none lasts longer."""
    key = await create(keys, PEPPER, Wanted(tenant="acme"), NOW)
    gateways = [KeyLookup(keys, PEPPER, cached_s=MOST_CACHED_S) for _ in range(3)]
    for gateway in gateways:
        await gateway.holder(key.text(), NOW)
    await revoke(keys, key.id, NOW + 0.1)
    await gateways[0].holder(key.text(), NOW + 0.2)  # what it remembers
    for gateway in gateways:
        with pytest.raises(Unauthorized, match="revoked"):
            await gateway.holder(key.text(), NOW + 0.1 + MOST_CACHED_S)
    assert MOST_CACHED_S + 2 <= 5


async def test_a_rotated_key_goes_on_for_a_while_and_has_the_same_account(keys: KeyStore) -> None:
    """Nobody gets new limits by it."""
    old = await create(keys, PEPPER, Wanted(tenant="acme", models=("dense",)), NOW)
    new = await rotate(keys, PEPPER, old.id, NOW + 10, overlap_s=60)
    lookup = KeyLookup(keys, PEPPER, cached_s=0)
    assert await lookup.holder(new.text(), NOW + 11) == await lookup.holder(old.text(), NOW + 11)
    with pytest.raises(Unauthorized, match="expired"):
        await lookup.holder(old.text(), NOW + 70)
    assert (await lookup.holder(new.text(), NOW + 71)).key == old.id
    with pytest.raises(NoSuchKeyError):
        await rotate(keys, PEPPER, old.id, NOW + 71, overlap_s=60)


async def test_no_key_ever_lives_longer_than_it_did(keys: KeyStore) -> None:
    """A second rotation or revocation does not undo the first."""
    key = await create(keys, PEPPER, Wanted(tenant="acme", expires_s=NOW + 5), NOW)
    await rotate(keys, PEPPER, key.id, NOW, overlap_s=3600)
    assert (await keys.all())[0].expires_s == NOW + 5
    await revoke(keys, key.id, NOW + 1)
    await revoke(keys, key.id, NOW + 2)
    found = await keys.get(key.id)
    assert found is not None
    assert (found.revoked_s, found.expires_s) == (NOW + 1, NOW + 5)


async def test_nobody_ends_what_is_not_there(keys: KeyStore) -> None:
    """The id was mistyped, and that is said."""
    with pytest.raises(NoSuchKeyError, match="zzz"):
        await revoke(keys, "zzz", NOW)
    with pytest.raises(NoSuchKeyError, match="zzz"):
        await rotate(keys, PEPPER, "zzz", NOW, overlap_s=1)
    assert await keys.get("zzz") is None
    assert await keys.all() == []


async def test_an_id_is_given_once(keys: KeyStore) -> None:
    """The first one stays."""
    record = KeyRecord(id="a" * 12, digest=b"1", tenant="acme", account="a" * 12, created_s=NOW)
    assert await keys.add(record)
    assert not await keys.add(KeyRecord(id="a" * 12, digest=b"2", tenant="evil", account="x", created_s=NOW))
    assert await keys.get("a" * 12) == record


async def test_keys_are_listed_by_age(keys: KeyStore) -> None:
    """With their state."""
    made = [await create(keys, PEPPER, Wanted(tenant=f"t{at}"), NOW + at) for at in (2, 0, 1)]
    await revoke(keys, made[2].id, NOW + 5)
    listed = await keys.all()
    assert [record.tenant for record in listed] == ["t0", "t1", "t2"]
    assert [record.state(NOW + 6) for record in listed] == ["active", "revoked", "active"]


async def test_the_first_pepper_stays(keys: KeyStore) -> None:
    """Every gateway finds the same."""
    assert await keys.pepper(b"one") == b"one"
    assert await keys.pepper(b"two") == b"one"


async def test_the_store_is_asked_once_in_a_while(keys: KeyStore) -> None:
    """For unknown keys too, and those do not push out known ones."""
    counted = Counted(keys)
    key = await create(keys, PEPPER, Wanted(tenant="acme"), NOW)
    lookup = KeyLookup(counted, PEPPER, cached_s=2)
    for at in range(10):
        await lookup.holder(key.text(), NOW + at / 10)
    assert counted.asked == 1
    stranger = mint().text()
    for _ in range(10):
        with pytest.raises(Unauthorized):
            await lookup.holder(stranger, NOW + 1)
    assert counted.asked == 2
    await lookup.holder(key.text(), NOW + 2)
    assert counted.asked == 3


async def test_who_makes_keys_up_does_not_keep_others_from_the_store(keys: KeyStore) -> None:
    """Whoever is known gets in, however long ago that was; a new key a moment later."""
    counted = Counted(keys)
    known, new = [await create(keys, PEPPER, Wanted(tenant="acme"), NOW) for _ in range(2)]
    lookup = KeyLookup(counted, PEPPER, cached_s=2)
    await lookup.holder(known.text(), NOW)
    refused = 0
    for _ in range(int(2 * MOST_A_SECOND)):
        with pytest.raises((Unauthorized, StoreAwayError)) as told:
            await lookup.holder(mint().text(), NOW + 10)
        refused += told.type is StoreAwayError
    assert refused == MOST_A_SECOND
    assert counted.asked == 1 + MOST_A_SECOND
    await lookup.holder(known.text(), NOW + 10)
    with pytest.raises(StoreAwayError):
        await lookup.holder(new.text(), NOW + 10)
    await lookup.holder(new.text(), NOW + 11)
    at_once = [lookup.holder(mint().text(), NOW + 20) for _ in range(int(2 * MOST_A_SECOND))]
    told = await asyncio.gather(*at_once, return_exceptions=True)
    assert sum(isinstance(one, StoreAwayError) for one in told) == MOST_A_SECOND


async def test_a_key_with_limits_of_a_later_version_is_told_as_what_it_is(keys: KeyStore) -> None:
    """It is good for nothing here, and is no fault inside; who does not hold it learns nothing of it."""
    key = mint()
    limits = {"requests_a_fortnight": 7}
    record = KeyRecord(
        id=key.id, digest=digest(key, PEPPER), tenant="acme", account=key.id, created_s=NOW, limits=limits
    )
    await keys.add(record)
    lookup = KeyLookup(keys, PEPPER)
    with pytest.raises(Misconfigured, match=key.id):
        await lookup.holder(key.text(), NOW)
    with pytest.raises(Unauthorized, match="not known"):
        await lookup.holder(type(key)(id=key.id, secret=mint().secret).text(), NOW)


async def test_while_the_store_is_away_only_fresh_memory_lets_in(keys: KeyStore) -> None:
    """Nobody gets in by an outage, and all do after it."""
    counted = Counted(keys)
    key = await create(keys, PEPPER, Wanted(tenant="acme"), NOW)
    lookup = KeyLookup(counted, PEPPER, cached_s=2)
    await lookup.holder(key.text(), NOW)
    counted.away = True
    await lookup.holder(key.text(), NOW + 1)
    with pytest.raises(StoreAwayError):
        await lookup.holder(key.text(), NOW + 2)
    counted.away = False
    await lookup.holder(key.text(), NOW + 3)


def test_a_memory_of_more_than_a_few_seconds_is_refused(keys: KeyStore) -> None:
    """It would let revoked keys in."""
    with pytest.raises(ValueError, match="cached_s"):
        KeyLookup(keys, PEPPER, cached_s=10)
