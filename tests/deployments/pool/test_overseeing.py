"""How the operator's page asks the fleet controller, and what a cluster whose head is away costs it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from deployments.errors import Rejected
from deployments.pool.overseeing import Overseeing
from tests.deployments.gateway.building import until


class Method:
    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    async def remote(self, *_: Any) -> dict[str, Any]:
        if self._actor.gone:
            raise ValueError("the actor is dead")
        return {"mode": "active"}


class Actor:
    gone = False

    @property
    def status(self) -> Method:
        return Method(self)

    costs = status


class Head:
    """Where actors are looked up: it answers while it is there."""

    def __init__(self) -> None:
        self.there, self.asked, self.found = threading.Event(), 0, Actor()
        self.there.set()

    def get_actor(self, name: str, namespace: str) -> Actor:
        self.asked += 1
        assert (name, namespace) == ("fleet", "here")
        assert self.there.wait(timeout=30)
        return self.found


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[Head]:
    head = Head()
    monkeypatch.setattr("deployments.pool.controller_call.ray.get_actor", head.get_actor)
    yield head
    head.there.set()


async def test_the_controller_is_looked_up_once(head: Head) -> None:
    """Whatever is asked, and by however many at once."""
    overseeing = Overseeing(("fleet", "here"))
    await asyncio.gather(overseeing.status(), overseeing.costs(0, 1), overseeing.status())
    await overseeing.status()
    assert head.asked == 1


async def test_another_controller_is_found(head: Head) -> None:
    """After the one that was known has not answered."""
    overseeing = Overseeing(("fleet", "here"))
    await overseeing.status()
    head.found.gone, head.found = True, Actor()
    with pytest.raises(Rejected):
        await overseeing.status()
    assert await overseeing.status() == {"mode": "active"}


async def test_a_head_that_is_away_keeps_one_thread(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    """And after the first time nobody waits for it."""
    monkeypatch.setattr("deployments.pool.overseeing.WITHIN_S", 0.05)
    head.there.clear()
    overseeing = Overseeing(("fleet", "here"))
    with pytest.raises(Rejected):
        await overseeing.status()
    monkeypatch.setattr("deployments.pool.overseeing.WITHIN_S", 60.0)
    async with asyncio.timeout(10):
        for _ in range(20):
            with pytest.raises(Rejected):
                await overseeing.status()
    assert head.asked == 1
    head.there.set()
    await until(lambda: overseeing._controller._looked_up().done())
    assert await overseeing.status() == {"mode": "active"}
    assert head.asked == 1
