"""Which replica answers: the rule of ``deployments/pool/choice.py`` where no prefix is warm anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from autoscale.sim.kernel.batch import begin
from autoscale.sim.kernel.chance import mixed
from autoscale.sim.kernel.engine import forget, interrupt
from autoscale.sim.kernel.events import schedule
from autoscale.sim.kernel.queues import wait_last
from autoscale.sim.kernel.records import NONE


@njit
def choose(pool: Any, ready: Any, replicas: Any, number: int) -> int:
    """Return the ready replica with the fewest calls in flight; among equals the request's number decides."""
    best, least, best_rank = NONE, 0, np.uint64(0)
    for at in range(pool.ready):
        which = ready[at]
        in_flight = replicas[which].in_flight
        if best != NONE and in_flight > least:
            continue
        rank = mixed(np.uint64(number) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(which))
        if best == NONE or in_flight < least or rank < best_rank:
            best, least, best_rank = which, in_flight, rank
    return best


@njit
def send(
    pool: Any, replicas: Any, ready: Any, events: Any, requests: Any, heaps: Any, crossings: Any, engine: Any,
    results: Any, slot: int, at_s: float,
) -> None:  # fmt: skip
    """Give a request to a replica, which takes it up with its next step; one that is full refuses it."""
    request = requests[slot]
    which = choose(pool, ready, replicas, request.number)
    one = replicas[which]
    if one.in_flight >= engine.limit:
        refuse(pool, requests, results, slot)
        return
    one.in_flight += 1
    one.promised += max(engine.most_output, request.output) - request.generated
    wait_last(one, requests, slot)
    if one.running == 0:
        begin(pool, one, requests, heaps[which], crossings[which], engine, at_s)
        schedule(pool, events, replicas, which)
    elif one.waiting == 1 and one.running < engine.slots and one.steps > 1 and interrupt(one, engine, at_s):
        schedule(pool, events, replicas, which)


@njit
def refuse(pool: Any, requests: Any, results: Any, slot: int) -> None:
    """Turn a request away that has had no token, or end one that had."""
    request = requests[slot]
    pool.in_flight -= 1
    if request.generated == 0:
        pool.unanswered -= 1
        pool.unanswered_prompt -= request.prompt
        pool.refused += 1
        results[request.origin].refused += 1
    else:
        results[request.origin].cut += 1
    forget(pool, requests, slot)
