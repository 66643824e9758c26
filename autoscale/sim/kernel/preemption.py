"""Take running sequences out of a batch; what they have computed is lost, what they have generated is not."""

from __future__ import annotations

from typing import Any

from numba import njit

from autoscale.sim.kernel.cache import blocks, crossing_of
from autoscale.sim.kernel.finishing import find, remove
from autoscale.sim.kernel.queues import stop_running, wait_first
from autoscale.sim.kernel.records import NONE


@njit
def make_room(pool: Any, one: Any, requests: Any, heap: Any, crossing: Any, engine: Any) -> bool:
    """Preempt until every sequence that decodes has its block in the coming step; tell whether any was."""
    preempted = False
    while crossing[one.step % engine.block] > one.free:
        put_back(pool, one, requests, heap, crossing, engine, one.run_tail)
        preempted = True
    return preempted


@njit
def put_back(pool: Any, one: Any, requests: Any, heap: Any, crossing: Any, engine: Any, slot: int) -> None:
    """Preempt a sequence: it waits before all others."""
    release(one, requests, heap, crossing, engine, slot)
    wait_first(one, requests, slot)
    pool.preemptions += 1


@njit
def release(one: Any, requests: Any, heap: Any, crossing: Any, engine: Any, slot: int) -> None:
    """Take a running request out between two steps."""
    request = requests[slot]
    stop_running(one, requests, slot)
    if slot == one.partial:
        one.partial = NONE
        one.free += blocks(request.computed, engine)
    else:
        request.generated = _generated(one, request)
        remove(heap, one.decoding, find(heap, one.decoding, request.finish_step, slot))
        stop_decoding(one, request, crossing, engine)
    request.computed = 0


@njit
def _generated(one: Any, request: Any) -> int:
    """Return how many tokens a decoding request has."""
    return request.output - (request.finish_step - one.step)


@njit
def stop_decoding(one: Any, request: Any, crossing: Any, engine: Any) -> None:
    """Take a request out of the decoding ones, and give its blocks back."""
    held = request.prompt + request.generated - 1
    one.decoding -= 1
    one.kv -= held
    one.free += blocks(held, engine)
    crossing[crossing_of(request, engine)] -= 1
