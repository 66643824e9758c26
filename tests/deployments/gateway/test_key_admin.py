"""API keys over HTTP: only for operators, on their port, and part of the audit trail."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.audit.lines import Administered
from deployments.gateway.admin_server import AdminServer
from deployments.gateway.admin_settings import AdminSettings
from deployments.gateway.app import build_admin_app
from deployments.gateway.gateway import Gateway
from deployments.tenancy.keys import issuing
from deployments.tenancy.limits.spec import Allotment
from tests.deployments.audit.keeping import checked, records
from tests.deployments.gateway.accounts import access, caller, calling, guarded
from tests.deployments.gateway.building import ask, engines, fleet, gateway, settings

CHAT = "/v1/chat/completions"
# What these gateways know of keys is old after it.
OLD_S = 0.1
TOKEN = "correct-horse-battery-staple"


async def made(operator: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    answer = await operator.post("/admin/keys", json={"tenant": "acme", **wanted})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def works(served: Gateway, key: str) -> bool:
    async with calling(served, key) as calls:
        return (await calls.post(CHAT, json=ask(model="dense", max_tokens=2))).status_code == 200


async def test_a_key_lives_from_create_to_revoke(store: dict[str, Any]) -> None:
    """Made, listed without what it opens with, replaced, ended later and ended now."""
    async with (
        engines() as transport,
        guarded(transport, store) as served,
        await caller(served, admin=True) as operator,
    ):
        key = await made(operator, name="ci", models=["dense"], limits={"requests_per_minute": 9})
        assert await works(served, key["key"])
        listed = await operator.get("/admin/keys")
        (told,) = [one for one in listed.json()["keys"] if one["id"] == key["id"]]
        assert (told["name"], told["models"], told["limits"]) == ("ci", ["dense"], {"requests_per_minute": 9})
        assert key["key"] not in listed.text
        new = (await operator.post(f"/admin/keys/{key['id']}/rotate", json={"overlap": "0s"})).json()
        await asyncio.sleep(OLD_S)
        assert (await works(served, new["key"]), await works(served, key["key"])) == (True, False)
        ends = await operator.post(f"/admin/keys/{new['id']}/expire", json={"within": "1h"})
        assert (ends.status_code, await works(served, new["key"])) == (200, True)
        assert (await operator.post(f"/admin/keys/{new['id']}/revoke")).status_code == 200
        await asyncio.sleep(OLD_S)
        assert not await works(served, new["key"])
        states = {one["id"]: one["state"] for one in (await operator.get("/admin/keys")).json()["keys"]}
    assert (states[key["id"]], states[new["id"]]) == ("expired", "revoked")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tenant": "acm"}, "tenant"),
        ({"tenant": "acme", "models": ["dens"]}, "models"),
        ({"tenant": "acme", "nodes": ["dense"]}, "nodes"),
        ({"tenant": "acme", "expires": "soon"}, "expires"),
        ({"tenant": "acme", "limits": {"requests_per_minute": 0}}, "limits.requests_per_minute"),
        ({"tenant": "acme", "limits": {"requests": 1}}, "limits.requests"),
        ({}, "tenant"),
    ],
)
async def test_wrong_wishes_are_refused(file_store: dict[str, Any], body: dict[str, Any], field: str) -> None:
    """By the field at fault, and nothing is made."""
    async with (
        engines() as transport,
        guarded(transport, file_store) as served,
        await caller(served, admin=True) as operator,
    ):
        answer = await operator.post("/admin/keys", json=body)
        assert len((await operator.get("/admin/keys")).json()["keys"]) == 1
        unknown = await operator.post("/admin/keys/zzz/revoke")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert unknown.status_code == 404


async def test_only_operators_get_in(file_store: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """By a key with the scope, or by the token where one is named; a tenant's own key is none."""
    monkeypatch.setenv("TERCET_TEST_TOKEN", TOKEN)
    named = {"token_env": "TERCET_TEST_TOKEN"}
    async with engines() as transport, guarded(transport, file_store, admin=named) as served:
        async with calling(served) as stranger, await caller(served) as tenant, calling(served, TOKEN) as operator:
            codes = [(await calls.get("/admin/keys")).status_code for calls in (stranger, tenant, operator)]
            assert (await operator.post(CHAT, json=ask(max_tokens=2))).status_code == 401
        async with await caller(served, admin=True, limits=Allotment(requests_per_minute=1)) as other:
            codes += [(await other.get("/admin/keys")).status_code for _ in range(3)]
    assert codes == [401, 403, 200, 200, 200, 200]


async def test_there_are_no_keys_without_access(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the token is told what to configure."""
    monkeypatch.setenv("TERCET_TEST_TOKEN", TOKEN)
    async with engines() as transport:
        served = gateway(transport, admin={"token_env": "TERCET_TEST_TOKEN"})
        async with calling(served, TOKEN) as operator, calling(served) as stranger:
            answer, refused = await operator.get("/admin/keys"), await stranger.get("/admin/keys")
        await served.close()
    assert (answer.status_code, refused.status_code) == (403, 401)
    assert "`access`" in answer.text


async def test_what_operators_do_is_audited(file_store: dict[str, Any], tmp_path: Path) -> None:
    """Who, what, and what came of it; never a key."""
    given = settings(access=access(file_store), tenants={"acme": {}}, audit=True)
    async with engines() as transport:
        served = Gateway(given, transport, name="g1", fleet=fleet, audit=tmp_path / "audit")
        async with await caller(served, admin=True) as operator:
            key = await made(operator)
            await operator.post("/admin/keys/zzz/revoke")
            await operator.get("/admin/keys")
            used = key["key"]
            assert await works(served, used)
        async with calling(served, "tercet_x") as stranger:
            assert (await stranger.get("/admin/keys")).status_code == 401
        await served.close()
    found = [line.record for line in records(tmp_path / "audit")]
    acts = [one for one in found if isinstance(one, Administered)]
    assert [(one.action, one.outcome) for one in acts] == [
        ("key_create", "ok"), ("key_revoke", "not_found"), ("keys", "ok")
    ]  # fmt: skip
    assert {one.who.split("/")[0] for one in acts} == {"acme"}
    assert acts[0].told == {"id": key["id"]}
    assert [one.key for one in found if getattr(one, "endpoint", "")] == [key["id"]]
    assert checked(tmp_path / "audit").administered == 3
    assert used.split("_")[2] not in "".join(path.read_text() for path in (tmp_path / "audit").glob("*.jsonl"))


@asynccontextmanager
async def recorded(store: dict[str, Any], folder: Path) -> AsyncIterator[Gateway]:
    """Run a gateway with an audit trail in *folder*."""
    given = settings(access=access(store), tenants={"acme": {}}, audit=True)
    async with engines() as transport:
        served = Gateway(given, transport, name="g1", fleet=fleet, audit=folder)
        try:
            yield served
        finally:
            await served.close()


def acts_in(folder: Path) -> list[tuple[str, str]]:
    found = (line.record for line in records(folder))
    return [(one.action, one.outcome) for one in found if isinstance(one, Administered)]


async def test_who_may_not_and_what_crashes_is_recorded_too(
    file_store: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whom it was, where somebody is known; what nobody is known for is in the log alone."""

    async def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    async with recorded(file_store, tmp_path / "audit") as served:
        async with await caller(served) as tenant, calling(served, "tercet_x") as stranger:
            assert (await tenant.get("/admin/keys")).status_code == 403
            assert (await stranger.get("/admin/keys")).status_code == 401
        async with await caller(served, admin=True) as operator:
            monkeypatch.setattr(issuing, "revoke", broken)
            assert (await operator.post("/admin/keys/abc/revoke")).status_code == 500
    assert acts_in(tmp_path / "audit") == [("keys", "forbidden"), ("key_revoke", "internal_error")]


async def test_a_key_that_cannot_be_recorded_opens_nothing(
    file_store: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has seen it, and nobody would know of it."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with recorded(file_store, tmp_path / "audit") as served, await caller(served, admin=True) as operator:
        monkeypatch.setattr("os.fdatasync", full)
        refused = await operator.post("/admin/keys", json={"tenant": "acme"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "audit_unavailable")
        again = await operator.post("/admin/keys", json={"tenant": "acme"})
        assert again.status_code == 503
        door = served.live.door
        assert door is not None
        states = [one.state(time.time()) for one in await (await door.stores()).keys.all()]
        monkeypatch.undo()
    assert states == ["active", "revoked"]  # the operator's own, and the one that was made


async def test_what_is_done_while_the_gateway_closes_is_recorded(
    file_store: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trail stays open for it."""
    begun, go_on, real = asyncio.Event(), asyncio.Event(), issuing.create

    async def slowly(*arguments: Any) -> Any:
        key = await real(*arguments)
        begun.set()
        await go_on.wait()
        return key

    async with recorded(file_store, tmp_path / "audit") as served, await caller(served, admin=True) as operator:
        monkeypatch.setattr(issuing, "create", slowly)
        making = asyncio.create_task(operator.post("/admin/keys", json={"tenant": "acme"}))
        await begun.wait()
        closing = asyncio.create_task(served.close())
        await asyncio.sleep(0.1)
        go_on.set()
        assert (await making).status_code == 200
        await closing
    assert acts_in(tmp_path / "audit") == [("key_create", "ok")]
    assert checked(tmp_path / "audit").problems == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"loopback": False}, "gateway.admin.port"), ({"admin": {"port": 1}}, "a port of their own")],
)
async def test_clients_do_not_find_the_admin_routes(
    file_store: dict[str, Any], changed: dict[str, Any], told: str
) -> None:
    """Where other machines reach their port, and where operators have another."""
    async with (
        engines() as transport,
        guarded(transport, file_store, **changed) as served,
        await caller(served, admin=True) as operator,
    ):
        refused = await operator.get("/admin/keys")
        inside = httpx.ASGITransport(app=build_admin_app(served))
        async with httpx.AsyncClient(transport=inside, base_url="http://admin", headers=operator.headers) as calls:
            allowed, models = await calls.get("/admin/keys"), await calls.get("/v1/models")
    assert (refused.status_code, allowed.status_code, models.status_code) == (403, 200, 404)
    assert told in refused.text


async def test_the_port_of_operators_follows_the_settings(file_store: dict[str, Any]) -> None:
    """It opens, two gateways of a machine share it, and it closes."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    there = AdminSettings(port=port)
    async with engines() as transport, guarded(transport, file_store, admin={"port": port}) as served:
        one, other = AdminServer(build_admin_app(served)), AdminServer(build_admin_app(served))
        async with await caller(served, admin=True) as operator:
            headers = operator.headers
        await one.follow(there)
        await other.follow(there)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as calls:
            assert (await calls.get("/admin/keys")).status_code == 200
            await one.close()
            assert (await calls.get("/admin/keys", headers={"connection": "close"})).status_code == 200
            await other.follow(AdminSettings())
            with pytest.raises(httpx.TransportError):
                await calls.get("/admin/keys")


async def test_a_port_that_was_taken_is_served_once_it_is_free(file_store: dict[str, Any]) -> None:
    """Nobody has to change a setting for it."""
    async with engines() as transport, guarded(transport, file_store) as served:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            operators = AdminServer(build_admin_app(served), again_s=0.02)
            await operators.follow(AdminSettings(port=port))
            await asyncio.sleep(0.1)
        async with await caller(served, admin=True) as operator:
            headers = operator.headers
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as calls:
            assert await answers(calls)
            await operators.close()
            assert not await answers(calls, within_s=0.0)


async def answers(calls: httpx.AsyncClient, within_s: float = 10.0) -> bool:
    """Say whether the port of operators answers in time."""
    until_s = time.monotonic() + within_s
    while True:
        with contextlib.suppress(httpx.TransportError):
            return (await calls.get("/admin/keys")).status_code == 200
        if time.monotonic() >= until_s:
            return False
        await asyncio.sleep(0.02)


async def test_a_whole_key_is_no_id(file_store: dict[str, Any]) -> None:
    """It is refused, and not repeated."""
    async with (
        engines() as transport,
        guarded(transport, file_store) as served,
        await caller(served, admin=True) as operator,
    ):
        key = (await made(operator))["key"]
        refused = await operator.post(f"/admin/keys/{key}/revoke")
        assert await works(served, key)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "id")
    assert key.split("_")[2] not in refused.text


async def test_operators_see_what_is_left(store: dict[str, Any]) -> None:
    """Of every budget of a tenant, after what it used; a key for one model opens no node."""
    tenants = {"acme": {"limits": {"budgets": [{"tokens": 1000, "per": "ever"}]}}}
    async with (
        engines() as transport,
        guarded(transport, store, tenants=tenants) as served,
        await caller(served, admin=True) as operator,
    ):
        key = (await made(operator, models=["dense"]))["key"]
        async with calling(served, key) as calls:
            assert (await calls.post(CHAT, json=ask(model="dense", max_tokens=2))).status_code == 200
            assert (await calls.post(CHAT, json=ask(model="auto", max_tokens=2))).status_code == 404
        (told,) = (await operator.get("/admin/budgets", params={"tenant": "acme"})).json()["budgets"]
        unknown = await operator.get("/admin/budgets", params={"tenant": "acm"})
    assert (told["whose"], told["held"], told["overrun"]) == ("tenant acme", 0, 0)
    assert told["used"] > 2
    assert told["left"] == 1000 - told["used"]
    assert unknown.status_code == 400
