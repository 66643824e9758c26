"""What an engine's next steps work on: continuous batching over a paged KV cache, in the order of vLLM V1.

In each step the running sequences come first, in the order of their admission: one token for each that decodes, then
the rest of the prompt that is prefilled in parts. What the token budget leaves goes to the head of the queue, as long
as there is a slot and the cache has room for its whole prompt. Where a running sequence finds no block, the last one
admitted is put back at the head of the queue, to be computed again, and nothing is admitted in that step
(vllm/v1/core/sched/scheduler.py, ``schedule``, with ``scheduler_reserve_full_isl`` and without a watermark).
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from autoscale.sim.kernel.cache import blocks, until_change
from autoscale.sim.kernel.chance import normal
from autoscale.sim.kernel.preemption import make_room, put_back
from autoscale.sim.kernel.punctual import budget_of, late_next, let_late_wait, may_overtake
from autoscale.sim.kernel.queues import next_late, next_waiting, run_last
from autoscale.sim.kernel.records import NONE
from autoscale.sim.kernel.segment import seconds


@njit
def begin(pool: Any, one: Any, requests: Any, heap: Any, crossing: Any, engine: Any, at_s: float) -> bool:
    """Begin the next segment at *at_s*; False where there is nothing to work on.

    ``crossing[c]`` counts the decoding sequences that need a new block in every step whose number is c modulo the
    block size.
    """
    one.fresh, one.prefill, one.context, one.steps = 0, 0.0, 0.0, 0
    preempted = make_room(pool, one, requests, heap, crossing, engine)
    one.free -= crossing[one.step % engine.block]
    if not preempted:
        let_late_wait(one, requests, engine, at_s)
    budget = budget_of(one, requests, engine)
    if one.partial != NONE and budget > 0:
        budget, fits = _continue(pool, one, requests, heap, crossing, engine, budget)
        preempted = preempted or not fits
    if not preempted:
        _admit(one, requests, engine, budget)
    if one.running == 0:
        return False
    one.steps = 1
    if not preempted and one.prefill == 0.0 and not may_overtake(one, engine):
        one.steps = until_change(one, heap, crossing, engine)
    _time(pool, one, engine, at_s)
    return True


@njit
def _continue(pool: Any, one: Any, requests: Any, heap: Any, crossing: Any, engine: Any, budget: int) -> Any:
    """Compute more of the prompt that is in parts; return what is left of the budget, and whether it had room."""
    slot = one.partial
    request = requests[slot]
    chunk = min(request.prompt + request.generated - request.computed, budget)
    if blocks(request.computed + chunk, engine) - blocks(request.computed, engine) > one.free:
        put_back(pool, one, requests, heap, crossing, engine, slot)
        return budget, False
    _prefill(one, requests, engine, slot, chunk)
    return budget - chunk, True


@njit
def _admit(one: Any, requests: Any, engine: Any, budget: int) -> None:
    while one.waiting + one.late and budget > 0 and one.running < engine.slots:
        late = late_next(one)
        request = requests[one.late_head if late else one.wait_head]
        tokens = request.prompt + request.generated
        if blocks(tokens, engine) > one.free:
            return
        slot = next_late(one, requests) if late else next_waiting(one, requests)
        one.preferred = 0 if late or not one.late else one.preferred + 1
        request.computed = min(request.cached, tokens - 1)
        one.free -= blocks(request.computed, engine)
        chunk = min(tokens - request.computed, budget)
        run_last(one, requests, slot)
        _prefill(one, requests, engine, slot, chunk)
        budget -= chunk


@njit
def _prefill(one: Any, requests: Any, engine: Any, slot: int, chunk: int) -> None:
    request = requests[slot]
    one.prefill += chunk
    one.context += chunk * (request.computed + 0.5 * chunk)
    one.free -= blocks(request.computed + chunk, engine) - blocks(request.computed, engine)
    request.computed += chunk
    if request.computed == request.prompt + request.generated:
        one.fresh += 1
        one.partial = NONE
    else:
        one.partial = slot


@njit
def _time(pool: Any, one: Any, engine: Any, at_s: float) -> None:
    one.began_s = at_s
    one.flat_s = (
        engine.base_s
        + engine.prefill_token_s * one.prefill
        + engine.prefill_context_s * one.context
        + engine.sequence_s * one.decoding
    )
    one.chance = 1.0
    if engine.noise > 0.0:
        one.chance = max(0.05, 1.0 + engine.noise * normal(pool) / math.sqrt(float(one.steps)))
    one.ends_s = at_s + seconds(one, engine, one.steps)
