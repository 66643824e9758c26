"""One replica from segment to segment: what has been worked on is counted, tokens come out, sequences end."""

from __future__ import annotations

from typing import Any

from numba import njit

from autoscale.sim.kernel.batch import begin
from autoscale.sim.kernel.cache import blocks, crossing_of, taken
from autoscale.sim.kernel.finishing import push, remove, slot_of, step_of
from autoscale.sim.kernel.judging import coarse_bin, finished, first_token
from autoscale.sim.kernel.preemption import stop_decoding
from autoscale.sim.kernel.queues import stop_running
from autoscale.sim.kernel.records import NONE
from autoscale.sim.kernel.segment import seconds, steps_over
from autoscale.sim.kernel.totals import add_steps


@njit
def settle(pool: Any, one: Any, crossing: Any, engine: Any, at_s: float) -> None:
    """Count the steps of the present segment that are over at *at_s*; the rest of it goes on as before."""
    if one.steps <= 1:
        return
    over = min(steps_over(one, engine, at_s), one.steps - 1)
    if over > 0:
        spent_s = seconds(one, engine, over)
        _count(pool, one, crossing, engine, over)
        one.free -= crossing[one.step % engine.block]
        one.began_s += spent_s
        one.steps -= over


@njit
def interrupt(one: Any, engine: Any, at_s: float) -> bool:
    """End the present segment with the step that runs at *at_s*; False where it ends with that one anyway."""
    over = steps_over(one, engine, at_s)
    ended = over > 0 and one.began_s + seconds(one, engine, over) >= at_s
    steps = over if ended else over + 1
    if steps >= one.steps:
        return False
    one.steps = steps
    one.ends_s = one.began_s + seconds(one, engine, steps)
    return True


@njit
def end_segment(
    pool: Any, one: Any, requests: Any, heap: Any, crossing: Any, engine: Any, results: Any, windows: Any,
    window_s: float,
) -> None:  # fmt: skip
    """Count the whole segment, emit the tokens of its last step and begin the next one."""
    at_s = one.ends_s
    _count(pool, one, crossing, engine, one.steps)
    fresh = one.fresh
    while one.decoding and step_of(heap[0]) <= one.step:
        slot = slot_of(remove(heap, one.decoding, 0))
        request = requests[slot]
        request.generated = request.output
        stop_decoding(one, request, crossing, engine)
        _leave(pool, one, requests, engine, results, windows, window_s, slot, at_s)
    slot = one.run_tail
    if one.partial != NONE:
        slot = requests[slot].previous
    for _ in range(fresh):
        before = requests[slot].previous
        _emit_first(pool, one, requests, heap, crossing, engine, results, windows, window_s, slot, at_s)
        slot = before
    if not begin(pool, one, requests, heap, crossing, engine, at_s):
        one.idle_s = at_s


@njit
def forget(pool: Any, requests: Any, slot: int) -> None:
    """Give a request's slot back."""
    requests[slot].next = pool.free
    pool.free = slot


@njit
def _count(pool: Any, one: Any, crossing: Any, engine: Any, steps: int) -> None:
    """Take the blocks of the steps after the first, which has its own since it began, and count what was done."""
    if steps > 1:
        one.free -= taken(one, crossing, engine, steps - 1)
    add_steps(one, engine, steps)
    tokens = one.decoding * steps
    if tokens:
        spent_s = seconds(one, engine, steps)
        pool.inter_token[coarse_bin(spent_s / steps)] += tokens
        pool.inter_token_sum_s += spent_s * one.decoding
    one.step += steps
    one.kv += tokens
    one.promised -= tokens


@njit
def _leave(
    pool: Any, one: Any, requests: Any, engine: Any, results: Any, windows: Any, window_s: float, slot: int,
    at_s: float,
) -> None:  # fmt: skip
    request = requests[slot]
    stop_running(one, requests, slot)
    finished(pool, engine, request, results, windows, window_s, at_s)
    one.promised -= max(engine.most_output, request.output) - request.output
    one.in_flight -= 1
    one.answered += 1
    forget(pool, requests, slot)


@njit
def _emit_first(
    pool: Any, one: Any, requests: Any, heap: Any, crossing: Any, engine: Any, results: Any, windows: Any,
    window_s: float, slot: int, at_s: float,
) -> None:  # fmt: skip
    """Give a sequence its token after a prefill: its first one, or the next one where it was computed again."""
    request = requests[slot]
    request.generated += 1
    one.promised -= 1
    if request.generated == 1:
        first_token(pool, engine, request, at_s)
    if request.finish_step == NONE:
        one.unbegun -= 1
    if request.generated >= request.output:
        one.free += blocks(request.computed, engine)
        _leave(pool, one, requests, engine, results, windows, window_s, slot, at_s)
        return
    request.finish_step = one.step + request.output - request.generated
    push(heap, one.decoding, request.finish_step, slot)
    one.decoding += 1
    one.kv += request.computed
    crossing[crossing_of(request, engine)] += 1
