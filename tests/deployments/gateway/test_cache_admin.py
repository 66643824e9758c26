"""Answers are forgotten by every gateway, whoever of them is asked: over each kind of store, and in memory alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from autoscale.controller.loop import ControlLoop
from deployments.answers.orders import By, Forgotten
from deployments.audit.lines import Administered
from deployments.gateway.app import build_admin_app
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from tests.deployments.audit.keeping import records
from tests.deployments.gateway.accounts import access, key_of
from tests.deployments.gateway.building import ask, client, engines, fleet, settings, until

CHAT = "/v1/chat/completions"
WITHIN_S = 5.0


class Relay:
    """The control loop and its gateways' heartbeats, without Ray; those that are ``away`` report nothing."""

    def __init__(self) -> None:
        self.loop, self.gateways, self.away = ControlLoop(), list[Gateway](), set[str]()

    async def forget(self, by: By, name: str, within_s: float) -> Forgotten:
        order = self.loop.forgettings.order(by, name)
        end_s = time.monotonic() + min(within_s, WITHIN_S)
        while True:
            self.beat()
            found = self.loop.forgotten(order.number)
            if found.everywhere or time.monotonic() > end_s:
                return found
            await asyncio.sleep(0.01)

    def beat(self) -> None:
        for one in self.gateways:
            if one.name not in self.away:
                told = one.signals(0.0)
                self.loop.hear_gateway(told, 0.0)
                one.forgetter.follow(self.loop.forgettings.after(told.forgotten))


@pytest.fixture(params=["sqlite", "redis", "memory"])
def kept_in(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return where answers are kept beside memory."""
    if request.param == "redis":
        return {"redis": {"url": request.getfixturevalue("redis_url"), "prefix": uuid4().hex}, "patience": 1}
    return {"disk": request.param == "sqlite", "patience": 1}


def given(cache: dict[str, Any], store: dict[str, Any], **more: Any) -> GatewaySettings:
    graph = {"kept": {"cache": "dense"}, "tagged": {"cache": "moe", "tags": ["t1"]}}
    return settings(
        cache=cache,
        graph=graph,
        default="kept",
        access=access(store, open=False),
        tenants={"acme": {}, "b": {}},
        **more,
    )


@asynccontextmanager
async def two(given: GatewaySettings, tmp_path: Path) -> AsyncIterator[Relay]:
    """Run two gateways that share a folder for answers and a controller."""
    relay = Relay()
    async with engines() as transport:
        relay.gateways = [
            Gateway(given, transport, name=name, fleet=fleet, answers=tmp_path / "answers", audit=tmp_path / name)
            for name in ("g1", "g2")
        ]
        relay.beat()
        try:
            yield relay
        finally:
            for one in relay.gateways:
                await one.close()


async def had(served: Gateway, key: str, model: str = "kept") -> str:
    """Ask the same again and return what the cache had."""
    async with client(served) as calls:
        sent = {"authorization": f"Bearer {key}"}
        answer = await calls.post(CHAT, json=ask(model=model, max_tokens=2, temperature=0), headers=sent)
    assert answer.status_code == 200, answer.text
    await served.answers.settled()
    return answer.headers["x-tercet-cache"]


async def order(served: Gateway, relay: Relay, key: str, body: dict[str, Any]) -> httpx.Response:
    transport = httpx.ASGITransport(app=build_admin_app(served, forgetting=relay))
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as calls:
        return await calls.post("/admin/cache/forget", json=body, headers={"authorization": f"Bearer {key}"})


@pytest.mark.parametrize(
    ("body", "gone"),
    [({"tenant": "acme"}, {"acme kept", "acme tagged"}), ({"model": "dense"}, {"acme kept", "b kept"}),
     ({"tag": "t1"}, {"acme tagged", "b tagged"})],
)  # fmt: skip
async def test_what_is_named_is_forgotten_by_both(
    kept_in: dict[str, Any], file_store: dict[str, Any], tmp_path: Path, body: dict[str, str], gone: set[str]
) -> None:
    """Although both had it in memory; and nothing else is."""
    async with two(given(kept_in, file_store), tmp_path) as relay:
        one, other = relay.gateways
        admin = await key_of(one, admin=True)
        keys = {tenant: await key_of(one, tenant) for tenant in ("acme", "b")}
        calls = [(tenant, model) for tenant in keys for model in ("kept", "tagged")]
        for served in (one, other):
            for tenant, model in calls:
                await had(served, keys[tenant], model)
                assert await had(served, keys[tenant], model) == "hit"
        answer = await order(one, relay, admin, body)
        assert (answer.status_code, answer.json()) == (200, {**body, "gateways": ["g1", "g2"]})
        for served in (other, one):
            for tenant, model in calls:
                if f"{tenant} {model}" not in gone:
                    assert await had(served, keys[tenant], model) == "hit"
        memory_alone = kept_in.get("disk") is False
        for served in (other, one) if memory_alone else (other,):
            for tenant, model in calls:
                if f"{tenant} {model}" in gone:
                    assert await had(served, keys[tenant], model) == "miss"
                    assert await had(served, keys[tenant], model) == "hit"


async def test_a_gateway_that_is_late_is_named_and_does_it_later(
    monkeypatch: pytest.MonkeyPatch, file_store: dict[str, Any], tmp_path: Path
) -> None:
    """Whoever ordered it is told that it goes on."""
    monkeypatch.setattr("tests.deployments.gateway.test_cache_admin.WITHIN_S", 0.1)
    async with two(given({"disk": False}, file_store), tmp_path) as relay:
        one, other = relay.gateways
        admin, key = await key_of(one, admin=True), await key_of(one)
        for _ in range(2):
            found = await had(other, key)
        assert found == "hit"
        relay.away = {"g2"}
        answer = await order(one, relay, admin, {"tenant": "acme"})
        assert answer.status_code == 504
        assert "g2" in answer.text
        assert "g1" not in answer.text
        relay.away = set()
        relay.beat()
        await until(lambda: other.forgetter.done > 0)
        assert await had(other, key) == "miss"


async def test_a_store_that_is_away_is_told_when_it_is_back(file_store: dict[str, Any], tmp_path: Path) -> None:
    """An order is not done before the second level has it."""
    place = tmp_path / "answers"
    async with two(given({"patience": 1}, file_store), tmp_path) as relay:
        one, other = relay.gateways
        key = await key_of(one)
        await had(one, key)
        for end in ("", "-wal", "-shm"):
            (place / f"answers.sqlite{end}").unlink(missing_ok=True)
        place.rmdir()
        place.write_text("in the way")
        relay.loop.forgettings.order("tenant", "acme")
        for _ in range(3):
            relay.beat()
            await asyncio.sleep(0.05)
        assert (one.forgetter.done, other.forgetter.done) == (0, 0)
        place.unlink()

        def done() -> bool:
            relay.beat()
            return min(one.forgetter.done, other.forgetter.done) > 0

        await until(done)
        assert await had(other, key) == "miss"


@pytest.mark.parametrize(
    "body",
    [{}, {"model": "dense", "tag": "t"}, {"tag": "no tag"}, {"tenant": ""}, {"tenant": "x" * 501}, {"model": 3}],
)
async def test_wrong_orders_are_refused(file_store: dict[str, Any], tmp_path: Path, body: dict[str, Any]) -> None:
    """And nothing is forgotten."""
    async with two(given({"disk": False}, file_store), tmp_path) as relay:
        answer = await order(relay.gateways[0], relay, await key_of(relay.gateways[0], admin=True), body)
        assert answer.status_code == 400
        assert relay.loop.forgettings.after(0) == ()


async def test_only_operators_order_and_the_audit_trail_has_it(file_store: dict[str, Any], tmp_path: Path) -> None:
    """Who, what, and whose answers."""
    asked = given({"disk": False}, file_store, audit=True)
    async with two(asked, tmp_path) as relay:
        one = relay.gateways[0]
        tenant, admin = await key_of(one), await key_of(one, admin=True)
        codes = [(await order(one, relay, key, {"tenant": "acme"})).status_code for key in ("", tenant, admin)]
    assert codes == [401, 403, 200]
    acts = [line.record for line in records(tmp_path / "g1") if isinstance(line.record, Administered)]
    done = [(act.action, act.told) for act in acts if act.outcome == "ok"]
    assert done == [("cache_forget", {"tenant": "acme"})]
