"""Replicas that Serve takes back before they have had a machine.

Serve stops them like any other: it asks them to finish, and waits as long as a replica may drain. One that is nowhere
cannot hear that, and meanwhile asks Ray for a machine that nobody needs any more. There is nothing in it to finish. One
that loads its model is left to Serve: it may be ready, and have a stream, before anybody hears of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autoscale.served import Served

# Too little for a replica to start, run, and lose its machine.
_MOMENT_S = 15.0


@dataclass(slots=True)
class Cancelled:
    """Remembers who was there and who waited for a machine; nobody else is taken for such a replica.

    One that came and was taken back between two looks has not been seen to wait, but had no time for anything else.
    """

    _waiting: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)
    _looked_s: float = -math.inf

    def see(self, served: Served) -> tuple[str, ...]:
        """Return the actors that may be ended at once, each of them once."""
        everyone = [one for pool in served.pools.values() for one in pool.replicas]
        nowhere = [one for one in everyone if not one.placed]
        lately = served.at_s - self._looked_s < _MOMENT_S
        found = [
            one
            for one in nowhere
            if one.state == "stopping" and (one.replica in self._waiting or (lately and one.replica not in self._known))
        ]
        self._waiting = {one.replica for one in nowhere if one.state == "starting"}
        self._known, self._looked_s = {one.replica for one in everyone}, served.at_s
        return tuple(one.actor for one in found if one.actor)
