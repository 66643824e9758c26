"""Requests that leave a replica before they are done, and those that wait for one."""

from __future__ import annotations

from typing import Any

from numba import njit

from autoscale.sim.kernel.cache import blocks
from autoscale.sim.kernel.engine import settle
from autoscale.sim.kernel.events import unschedule
from autoscale.sim.kernel.preemption import release
from autoscale.sim.kernel.queues import hold, next_held, next_late, next_waiting, stop_running, wait_first
from autoscale.sim.kernel.records import NONE
from autoscale.sim.kernel.routing import refuse, send


@njit
def empty(
    pool: Any, replicas: Any, which: int, events: Any, requests: Any, heaps: Any, crossings: Any, engine: Any,
    results: Any, cut: bool, at_s: float,
) -> None:  # fmt: skip
    """Take every request from a replica that ends at *at_s*: to the gateway's queue, to begin again elsewhere.

    With *cut*, streams that have had tokens end instead.
    """
    one = replicas[which]
    settle(pool, one, crossings[which], engine, at_s)
    _roll_back(one, requests, engine)
    while one.running:
        slot = one.run_head
        release(one, requests, heaps[which], crossings[which], engine, slot)
        _go(pool, requests, results, cut, slot)
    while one.waiting:
        _go(pool, requests, results, cut, next_waiting(one, requests))
    while one.late:
        _go(pool, requests, results, cut, next_late(one, requests))
    one.in_flight, one.unbegun, one.promised, one.steps, one.idle_s = 0, 0, 0, 0, at_s
    unschedule(pool, events, replicas, which)


@njit
def send_held(
    pool: Any, replicas: Any, ready: Any, events: Any, requests: Any, heaps: Any, crossings: Any, engine: Any,
    results: Any, at_s: float,
) -> None:  # fmt: skip
    """Give the requests that the gateway holds to the replicas that are ready."""
    while pool.held and pool.ready:
        slot = next_held(pool, requests)
        send(pool, replicas, ready, events, requests, heaps, crossings, engine, results, slot, at_s)


@njit
def _roll_back(one: Any, requests: Any, engine: Any) -> None:
    """Undo the present step's prefill: sequences at the end of the running set that it would have completed."""
    for _ in range(one.fresh):
        slot = one.run_tail if one.partial == NONE else requests[one.partial].previous
        request = requests[slot]
        stop_running(one, requests, slot)
        one.free += blocks(request.computed, engine)
        request.computed = 0
        wait_first(one, requests, slot)
    one.fresh = 0


@njit
def _go(pool: Any, requests: Any, results: Any, cut: bool, slot: int) -> None:
    if cut and requests[slot].generated > 0:
        refuse(pool, requests, results, slot)
    else:
        pool.requeued += 1
        hold(pool, requests, slot)
