"""The connections from one gateway to the replicas of every pool, as the fleet controller last knew them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from deployments.pool.link import Link
from deployments.signals import FleetView, ReplicaPlace

Connect = Callable[[str, ReplicaPlace, Callable[[], None]], Link]


class Links:
    """Keeps one link a replica.

    A replica that the controller no longer knows keeps its link for as long as it answers: the controller may have
    restarted, and the connection itself is the better witness.
    """

    def __init__(self, connect: Connect = Link) -> None:
        self._connect = connect
        self._links: dict[str, dict[str, Link]] = {}
        self._changed = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    def of(self, pool: str) -> Sequence[Link]:
        """Return the links to *pool* that can take a call."""
        return [link for link in self._links.get(pool, {}).values() if link.usable]

    def follow(self, view: FleetView) -> None:
        """Connect to replicas that are new, and let go of those that are gone."""
        if view.pools:  # a controller that starts anew knows no pools
            for pool in self._links.keys() - view.pools.keys():
                self._drop(self._links[pool], list(self._links[pool]))
                if not self._links[pool]:
                    del self._links[pool]
        for pool, state in view.pools.items():
            links = self._links.setdefault(pool, {})
            known = {place.replica: place for place in state.replicas if place.address}
            for replica, place in known.items():
                if replica in links:
                    links[replica].place = place
                else:
                    links[replica] = self._connect(pool, place, self._notify)
            self._drop(links, [replica for replica in links if replica not in known])

    def keep(self, request: str) -> None:
        """Have every replica that a request, named within its trace, went to keep what it has traced of it."""
        for links in self._links.values():
            for link in links.values():
                link.keep(request)

    async def change(self, within_s: float) -> None:
        """Wait until a replica may have become able to take a call, *within_s* seconds at most."""
        event = self._changed
        try:
            async with asyncio.timeout(within_s):
                await event.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Disconnect from everything."""
        links = [link for pool in self._links.values() for link in pool.values()]
        self._links.clear()
        await asyncio.gather(*(link.close() for link in links), *self._closing)

    def _drop(self, links: dict[str, Link], gone: Iterable[str]) -> None:
        for replica in gone:
            link = links[replica]
            if not link.usable and link.idle:
                del links[replica]
                task = asyncio.create_task(link.close(), name=f"close link to {replica}")
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    def _notify(self) -> None:
        event, self._changed = self._changed, asyncio.Event()
        event.set()
