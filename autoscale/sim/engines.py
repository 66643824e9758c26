"""One pool's engines, gateway queue and counts as arrays, and the calls that move them on in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoscale.sim.kernel.advance import FULL, WOKEN
from autoscale.sim.kernel.compiled import KERNEL
from autoscale.sim.kernel.reading import COLUMNS, POOL_COLUMNS
from autoscale.sim.kernel.records import NONE, POOL, REPLICA, REQUEST

_REQUESTS = 1024
_REPLICAS = 8


@dataclass(slots=True, eq=False, kw_only=True)
class Feed:
    """Arrivals of a pool in order, those of other pools' brown-outs included; ``origin`` is the pool's number."""

    t_s: npt.NDArray[np.float64]
    prompt: npt.NDArray[np.int32]
    output: npt.NDArray[np.int32]
    cached: npt.NDArray[np.int32]
    origin: npt.NDArray[np.int32]
    at: int = 0


class Engines:
    """The replicas of one pool by number; all methods take the present time, which never goes back."""

    def __init__(self, engine: np.ndarray[Any, Any], results: Any, window_s: float, seed: int) -> None:
        self._engine, self._results, self._window_s = engine, results, window_s
        self.pool = np.zeros(1, POOL)
        self.pool["random"] = np.uint64(seed)
        self.pool["free"] = NONE
        self._known = np.zeros(POOL_COLUMNS)
        self._requests = np.zeros(0, REQUEST)
        self._replicas = np.zeros(0, REPLICA)
        self._heaps = np.zeros((0, int(engine["slots"][0]) + 1), np.int64)
        self._crossings = np.zeros((0, int(engine["block"][0])), np.int64)
        self._events, self._ready, self._live = (np.zeros(0, np.int64) for _ in range(3))
        self._unused: list[int] = []
        self._more_requests()
        self._more_replicas()

    def add(self, at_s: float) -> int:
        """Make an empty replica and return its number; it gets no requests yet."""
        if not self._unused:
            self._more_replicas()
        which = self._unused.pop()
        one = self._replicas[which : which + 1]
        one[:] = np.zeros(1, REPLICA)
        one["place"] = one["partial"] = NONE
        one["free"], one["idle_s"] = self._engine["blocks"][0], at_s
        self._crossings[which] = 0
        return which

    def remove(self, which: int) -> None:
        """Give an empty replica's number back."""
        self._unused.append(which)

    def route_to(self, ready: list[int], at_s: float) -> None:
        """Send requests to these replicas from now on, first those that are held."""
        self._ready[: len(ready)] = ready
        self.pool["ready"] = len(ready)
        if ready and self.pool["held"][0]:
            KERNEL.send_held(*self._state(), at_s)

    def empty(self, which: int, at_s: float, *, cut: bool) -> None:
        """Take a replica's requests to the gateway's queue; with *cut*, streams that had tokens end instead."""
        KERNEL.empty(*self._state(), which, cut, at_s)

    def run(self, feed: Feed, windows: Any, until_s: float) -> bool:
        """Work up to *until_s*; True where it stopped before because a request came and no replica is there."""
        while True:
            why, feed.at = KERNEL.run(
                *self._state(), windows, self._window_s, feed.t_s, feed.prompt, feed.output, feed.cached, feed.origin,
                feed.at, len(feed.t_s), until_s,
            )  # fmt: skip
            if why != FULL:
                return bool(why == WOKEN)
            self._more_requests()

    def read(self, live: list[int], at_s: float) -> tuple[list[list[float]], list[float]]:
        """Return a row for each of the replicas *live*, and one for the pool; ``kernel/reading.py`` has the columns."""
        self._live[: len(live)] = live
        KERNEL.read(
            self.pool, self._replicas, self._crossings, self._engine, self._live, len(live), at_s, self._told,
            self._known,
        )  # fmt: skip
        return self._told[: len(live)].tolist(), self._known.tolist()

    @property
    def held(self) -> int:
        """Count the requests that no replica is there for."""
        return int(self.pool["held"][0])

    @property
    def in_flight(self) -> int:
        """Count the requests that were sent here and have not finished."""
        return int(self.pool["in_flight"][0])

    def in_flight_at(self, which: int) -> int:
        """Count the requests that a replica has."""
        return int(self._replicas["in_flight"][which])

    def answered_by(self, which: int) -> int:
        """Count the requests that a replica has answered."""
        return int(self._replicas["answered"][which])

    def idle_since(self, which: int) -> float:
        """Return when a replica without requests had its last one."""
        return float(self._replicas["idle_s"][which])

    def wake_on_request(self, wanted: bool) -> None:
        """Have ``run`` stop at the next request that no replica is there for."""
        self.pool["wake"] = wanted

    def _state(self) -> tuple[Any, ...]:
        return (
            self.pool, self._replicas, self._ready, self._events, self._requests, self._heaps, self._crossings,
            self._engine, self._results,
        )  # fmt: skip

    def _more_requests(self) -> None:
        """Double the slots; the new ones go to the free list."""
        had = len(self._requests)
        self._requests = np.concatenate([self._requests, np.zeros(max(_REQUESTS, had), REQUEST)])
        new = np.arange(had, len(self._requests))
        self._requests["next"][new] = new + 1
        self._requests["next"][-1] = self.pool["free"][0]
        self.pool["free"] = had

    def _more_replicas(self) -> None:
        had = len(self._replicas)
        count = max(_REPLICAS, 2 * had)
        self._replicas, self._heaps, self._crossings = (
            _longer(old, count) for old in (self._replicas, self._heaps, self._crossings)
        )
        self._events, self._ready, self._live = (_longer(old, count) for old in (self._events, self._ready, self._live))
        self._told = np.zeros((count, COLUMNS))
        self._unused = list(range(count - 1, had - 1, -1))


def _longer(old: Any, count: int) -> Any:
    new = np.zeros((count, *old.shape[1:]), old.dtype)
    new[: len(old)] = old
    return new
