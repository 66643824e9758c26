"""Doors that come and go while requests are under way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deployments.gateway.door import Door
from deployments.gateway.entrance import Entrance
from deployments.tenancy.assembly import rights_of
from deployments.tenancy.grant import Grant
from deployments.tenancy.identity import Identity
from deployments.tenancy.limits.usage import Usage
from deployments.tenancy.refused import Refusal
from tests.deployments.gateway.accounts import access
from tests.deployments.gateway.building import settings

WHO = Identity(tenant="acme", key="k")


class Clock:
    """Stands still."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_door_stays_for_those_who_are_still_coming_in(file_store: dict[str, Any]) -> None:
    """Whoever was identified by it may hold something only when its body is there, and that must be looked after."""
    clock = Clock()
    entrance = Entrance(clock)
    given = settings(access=access(file_store), tenants={"acme": {"limits": {"concurrent": 5}}}, request_timeout=50)
    door = entrance.follow(given)
    assert door is not None
    gatekeeper = await door.gatekeeper()
    assert entrance.follow(settings(request_timeout=1)) is None
    clock.now_s += 49
    await entrance._leave_idle()
    grant = await gatekeeper.grant(WHO, Usage(), entrance.now_us())
    assert isinstance(grant, Grant)
    clock.now_s += 2
    await entrance._leave_idle()
    assert entrance._doors() == [door]
    await gatekeeper.settle(grant, entrance.now_us())
    await entrance._leave_idle()
    assert entrance._doors() == []
    await entrance.close()


async def test_one_store_that_does_not_close_keeps_no_other_open(
    file_store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is tended goes on being tended."""
    clock = Clock()
    entrance = Entrance(clock)
    tenants = {"acme": {}}
    closed, really = [], Door.close

    async def close(door: Door) -> None:
        closed.append(door)
        await really(door)
        raise OSError("a fault")

    monkeypatch.setattr(Door, "close", close)
    one = entrance.follow(settings(access=access(file_store), tenants=tenants))
    other = entrance.follow(settings(access=access(file_store, lease="60s"), tenants=tenants))
    assert one is not other
    clock.now_s += 10_000
    await entrance._leave_idle()
    await entrance.close()
    assert closed == [one, other]


async def test_rights_that_change_while_the_stores_are_opened_hold(file_store: dict[str, Any]) -> None:
    """A tenant that is removed meanwhile is not let in."""
    given = settings(access=access(file_store), tenants={"acme": {}})
    assert given.access is not None
    door = Door(given.access, rights_of(given.tenants, given.access, ()), Clock())
    opening = asyncio.create_task(door.gatekeeper())
    await asyncio.sleep(0)
    assert not opening.done()
    door.rights = rights_of({}, given.access, ())
    assert isinstance(await (await opening).grant(WHO, Usage(), 1), Refusal)
    await door.close()
