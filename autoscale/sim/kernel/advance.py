"""Move one pool on in time, event by event: a request arrives, or a replica comes to the end of its segment."""

from __future__ import annotations

from typing import Any

from numba import njit

from autoscale.sim.kernel.engine import end_segment
from autoscale.sim.kernel.events import schedule, unschedule
from autoscale.sim.kernel.queues import hold
from autoscale.sim.kernel.records import NONE
from autoscale.sim.kernel.routing import refuse, send

DONE, FULL, WOKEN = 0, 1, 2


@njit
def run(
    pool: Any, replicas: Any, ready: Any, events: Any, requests: Any, heaps: Any, crossings: Any, engine: Any,
    results: Any, windows: Any, window_s: float, t_s: Any, prompt: Any, output: Any, cached: Any, origin: Any,
    at: int, end: int, until_s: float,
) -> Any:  # fmt: skip
    """Work through arrivals *at* to *end* and all else up to *until_s*; return why it stopped, and the next arrival.

    FULL: there is no slot for a request. WOKEN: a request came and no replica is there, in a pool that wants to know.
    """
    while True:
        busy = pool.events > 0
        ends_s = replicas[events[0]].ends_s if busy else until_s
        if busy and ends_s <= until_s and (at >= end or ends_s <= t_s[at]):
            which = events[0]
            one = replicas[which]
            end_segment(pool, one, requests, heaps[which], crossings[which], engine, results, windows, window_s)
            if one.running:
                schedule(pool, events, replicas, which)
            else:
                unschedule(pool, events, replicas, which)
        elif at < end and t_s[at] <= until_s:
            if pool.free == NONE:
                return FULL, at
            slot = _arrive(pool, requests, t_s[at], prompt[at], output[at], cached[at], origin[at])
            results[requests[slot].origin].requests += 1
            windows[requests[slot].origin, int(t_s[at] / window_s), 0] += 1
            at += 1
            request = requests[slot]
            if request.prompt + request.output - 1 > engine.blocks * engine.block:
                refuse(pool, requests, results, slot)
            elif pool.ready:
                send(pool, replicas, ready, events, requests, heaps, crossings, engine, results, slot, t_s[at - 1])
            else:
                hold(pool, requests, slot)
                if pool.wake:
                    return WOKEN, at
        else:
            return DONE, at


@njit
def _arrive(pool: Any, requests: Any, at_s: float, prompt: int, output: int, cached: int, origin: int) -> int:
    slot = pool.free
    request = requests[slot]
    pool.free = request.next
    request.arrival_s, request.number = at_s, pool.arrivals
    request.prompt, request.output = max(1, prompt), max(1, output)
    request.cached = min(cached, request.prompt - 1)
    request.generated, request.computed, request.origin = 0, 0, origin
    pool.arrivals += 1
    pool.in_flight += 1
    pool.unanswered += 1
    pool.unanswered_prompt += request.prompt
    return slot
