"""Replicas that Serve takes back before they have had a machine.

Serve stops them like any other: it asks them to finish, and waits as long as a replica may drain. One that is nowhere
cannot hear that, and meanwhile asks Ray for a machine that nobody needs any more. There is nothing in it to finish. One
that loads its model is left to Serve: it may be ready, and have a stream, before anybody hears of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from autoscale.served import Served


@dataclass(slots=True)
class Cancelled:
    """Remembers who has been seen to wait for a machine; nobody else is taken for such a replica."""

    _waiting: set[str] = field(default_factory=set)

    def see(self, served: Served) -> tuple[str, ...]:
        """Return the actors that may be ended at once, each of them once."""
        nowhere = [one for pool in served.pools.values() for one in pool.replicas if not one.placed]
        found = [one for one in nowhere if one.state == "stopping" and one.replica in self._waiting]
        self._waiting = {one.replica for one in nowhere if one.state == "starting"}
        return tuple(one.actor for one in found if one.actor)
