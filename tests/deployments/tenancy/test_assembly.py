"""From a configuration to a gatekeeper, on real stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.errors import Misconfigured
from deployments.tenancy.assembly import gatekeeper_of, open_stores, pepper_of, rights_of
from deployments.tenancy.gatekeeper import Asked, Gatekeeper
from deployments.tenancy.grant import Grant
from deployments.tenancy.keys.issuing import Wanted, create
from deployments.tenancy.limits.usage import Usage
from deployments.tenancy.refused import Refusal
from deployments.tenancy.spec import AccessSpec, TenantSpec
from deployments.tenancy.stores.redis_server import RedisServer

NOW = 1_800_000_000_000_000


def access(store: dict[str, Any], **fields: Any) -> AccessSpec:
    return AccessSpec.model_validate({"store": store, **fields})


async def assembled(configured: AccessSpec) -> Any:
    tenant = TenantSpec.model_validate({"allow": ["auto", "dense"], "limits": {"concurrent": 1}})
    stores = open_stores(configured.kept)
    try:
        gatekeeper, close = await gatekeeper_of(configured, stores, rights_of({"acme": tenant}, configured, ["auto"]))
    except BaseException:
        await stores.close()
        raise
    return gatekeeper, stores, close


@pytest.mark.parametrize("store", ["sqlite", "redis"])
async def test_two_gateways_share_keys_and_limits(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each with a gatekeeper of its own."""
    where = {"sqlite": str(tmp_path / "accounts.sqlite")}
    if store == "redis":
        where = {"redis": {"url": request.getfixturevalue("redis_url"), "prefix": tmp_path.name}}  # type: ignore[dict-item]
    configured = access(where)
    (one, stores, close_one), (other, _, close_other) = [await assembled(configured) for _ in range(2)]
    key = await create(stores.keys, await pepper_of(configured, stores.keys), Wanted(tenant="acme"), NOW / 1e6)
    headers = {"authorization": f"Bearer {key.text()}"}

    async def asks(gatekeeper: Gatekeeper, entry: str = "auto", kind: Any = "node") -> Grant | Refusal:
        return await gatekeeper.admit(headers, Asked(entry=entry, kind=kind, most=Usage(tokens=5)), NOW)

    grant = await asks(one)
    assert isinstance(grant, Grant)
    refusal = await asks(other)
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == "rate_limit_exceeded"
    await one.settle(grant, NOW)
    assert isinstance(await asks(other, "dense", "model"), Grant)
    strange = await asks(other, "moe", "model")
    assert isinstance(strange, Refusal)
    assert strange.error.code == "model_not_found"
    await close_one()
    await close_other()


@pytest.mark.parametrize(
    ("found", "told"),
    [("", "nothing is found in PEPPER"), ("short", "has 5 bytes, not 16 to 64"), ("x" * 65, "has 65 bytes")],
)
async def test_a_pepper_that_does_not_do_is_refused(tmp_path: Path, found: str, told: str) -> None:
    """By the name of its place; what is there is not shown."""
    configured = access({"sqlite": str(tmp_path / "a.sqlite")}, keys={"pepper": {"env": "PEPPER"}})
    stores = open_stores(configured.kept)
    with pytest.raises(Misconfigured, match=told):
        await pepper_of(configured, stores.keys, {"PEPPER": found})
    assert await pepper_of(configured, stores.keys, {"PEPPER": "x" * 16}) == b"x" * 16


async def test_a_password_that_is_not_there_is_told_by_its_place(tmp_path: Path) -> None:
    """Before anything is asked of the server."""
    place = str(tmp_path / "password")
    spec = access({"redis": {"url": "redis://127.0.0.1:1", "password": {"file": place}}}).kept
    with pytest.raises(Misconfigured, match="nothing is found in"):
        open_stores(spec, {})


async def test_a_server_that_throws_accounts_away_is_refused(redis_url: str) -> None:
    """What was spent would be forgotten when its memory is full."""
    configured = access({"redis": {"url": redis_url}})
    server = RedisServer(redis_url)

    async def set_to(memory: str, policy: str) -> None:
        await server.call("CONFIG", "SET", "maxmemory", memory)
        await server.call("CONFIG", "SET", "maxmemory-policy", policy)

    try:
        await set_to("100mb", "allkeys-lru")
        with pytest.raises(Misconfigured, match="allkeys-lru"):
            await assembled(configured)
        await set_to("100mb", "noeviction")
        _, _, close = await assembled(configured)
        await close()
    finally:
        await set_to("0", "noeviction")
        await server.close()
