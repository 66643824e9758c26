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

# As ``PROMPT_PLACES`` of the rule.
_PROMPT_PLACES = 16


@njit
def choose(pool: Any, ready: Any, replicas: Any, limit: int, number: int) -> int:
    """Return the least busy ready replica that is not full, or NONE; among equals the request's number decides.

    A call without a token weighs as much as that many that decode.
    """
    best, least, best_rank = NONE, 0, np.uint64(0)
    for at in range(pool.ready):
        which = ready[at]
        one = replicas[which]
        if one.in_flight >= limit:
            continue
        busy = one.in_flight + _PROMPT_PLACES * one.unbegun
        if best != NONE and busy > least:
            continue
        rank = mixed(np.uint64(number) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(which))
        if best == NONE or busy < least or rank < best_rank:
            best, least, best_rank = which, busy, rank
    return best


@njit
def send(
    pool: Any, replicas: Any, ready: Any, events: Any, requests: Any, heaps: Any, crossings: Any, engine: Any,
    results: Any, slot: int, at_s: float,
) -> None:  # fmt: skip
    """Give a request to a replica, which takes it up with its next step; refuse it where all are full."""
    request = requests[slot]
    which = choose(pool, ready, replicas, engine.limit, request.number)
    if which == NONE:
        refuse(pool, requests, results, slot)
        return
    one = replicas[which]
    one.in_flight += 1
    one.unbegun += 1
    request.finish_step = NONE
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
