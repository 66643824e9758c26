"""The replicas that work, in a heap by the end of their segment; each knows its place."""

from __future__ import annotations

from typing import Any

from numba import njit

from autoscale.sim.kernel.records import NONE


@njit
def schedule(pool: Any, events: Any, replicas: Any, which: int) -> None:
    """Put replica *which* where the end of its segment belongs."""
    at = replicas[which].place
    if at == NONE:
        at = pool.events
        pool.events += 1
        _put(events, replicas, at, which)
    _sink(pool, events, replicas, _rise(events, replicas, at))


@njit
def unschedule(pool: Any, events: Any, replicas: Any, which: int) -> None:
    """Take replica *which* out; one that is not in is nothing to do."""
    at = replicas[which].place
    if at == NONE:
        return
    pool.events -= 1
    replicas[which].place = NONE
    if at < pool.events:
        _put(events, replicas, at, events[pool.events])
        _sink(pool, events, replicas, _rise(events, replicas, at))


@njit
def _put(events: Any, replicas: Any, at: int, which: int) -> None:
    events[at] = which
    replicas[which].place = at


@njit
def _before(replicas: Any, one: int, other: int) -> bool:
    """Order by time, and by number where two end at once, so that every run takes the same order."""
    mine, others = replicas[one].ends_s, replicas[other].ends_s
    return mine < others or (mine == others and one < other)


@njit
def _rise(events: Any, replicas: Any, at: int) -> int:
    which = events[at]
    while at > 0:
        above = (at - 1) >> 1
        if not _before(replicas, which, events[above]):
            break
        _put(events, replicas, at, events[above])
        at = above
    _put(events, replicas, at, which)
    return at


@njit
def _sink(pool: Any, events: Any, replicas: Any, at: int) -> None:
    which, size = events[at], pool.events
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and _before(replicas, events[below + 1], events[below]):
            below += 1
        if not _before(replicas, events[below], which):
            break
        _put(events, replicas, at, events[below])
        at = below
    _put(events, replicas, at, which)
