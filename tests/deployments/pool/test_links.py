"""Which links a gateway keeps as the controller's word changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deployments.pool.links import Links
from deployments.signals import FleetView, PoolState, ReplicaPlace


class Link:
    """Stands for a connection."""

    def __init__(self, pool: str, place: ReplicaPlace, changed: Callable[[], None]) -> None:
        self.place, self.usable, self.idle, self.closed = place, True, True, False

    async def close(self) -> None:
        self.closed = True


def view(*replicas: str) -> FleetView:
    places = tuple(ReplicaPlace(replica=name, address=f"127.0.0.1:{at}") for at, name in enumerate(replicas, 1))
    return FleetView(at_s=0.0, pools={"dense": PoolState(ready=1, target=1, starting=0, replicas=places)})


def names(links: Links) -> list[str]:
    return [link.place.replica for link in links.of("dense")]


async def test_new_replicas_are_connected_once() -> None:
    """Hearing of a replica again changes nothing but what it holds."""
    links = Links(Link)  # type: ignore[arg-type]
    links.follow(view("a"))
    first = links.of("dense")[0]
    links.follow(view("a", "b"))
    assert names(links) == ["a", "b"]
    assert links.of("dense")[0] is first


async def test_a_replica_without_an_address_is_not_connected() -> None:
    """It has not said yet where it is reached."""
    links = Links(Link)  # type: ignore[arg-type]
    nowhere = PoolState(ready=0, target=1, starting=1, replicas=(ReplicaPlace(replica="a", address=""),))
    links.follow(FleetView(at_s=0.0, pools={"dense": nowhere}))
    assert not names(links)


async def test_a_forgotten_replica_that_answers_is_kept() -> None:
    """A controller that starts anew knows nobody; the connection is the better witness."""
    links = Links(Link)  # type: ignore[arg-type]
    links.follow(view("a"))
    links.follow(view())
    assert names(links) == ["a"]


async def test_a_forgotten_replica_that_is_gone_is_let_go() -> None:
    """Unless somebody still waits for what it may send."""
    links = Links(Link)  # type: ignore[arg-type]
    links.follow(view("a"))
    link = links.of("dense")[0]
    link.usable = link.idle = False  # type: ignore[misc]
    links.follow(view())
    link.usable = True  # type: ignore[misc]
    assert names(links) == ["a"]
    link.usable, link.idle = False, True  # type: ignore[misc]
    links.follow(view())
    await links.close()
    assert link.closed  # type: ignore[attr-defined]
    link.usable = True  # type: ignore[misc]
    assert not names(links)


async def test_the_links_of_a_pool_that_is_gone_are_let_go_once_they_are_lost() -> None:
    """What its replicas still answer is waited for; a controller that knows no pool at all proves nothing."""
    links = Links(Link)  # type: ignore[arg-type]
    links.follow(view("a"))
    link = links.of("dense")[0]
    others = FleetView(at_s=0.0, pools={"moe": PoolState(ready=1, target=1, starting=0)})
    links.follow(others)
    assert names(links) == ["a"]
    link.usable = False  # type: ignore[misc]
    links.follow(FleetView(at_s=0.0, pools={}))
    await asyncio.sleep(0)
    assert not link.closed  # type: ignore[attr-defined]
    links.follow(others)
    await asyncio.sleep(0)
    assert link.closed  # type: ignore[attr-defined]
