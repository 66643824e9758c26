"""The paged KV cache of one replica: which steps take how many blocks.

A decoding sequence needs a new block in one of ``block`` successive steps, always in those of one class: numbers that
are equal modulo the block size. ``crossing[c]`` counts the sequences of class c.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from autoscale.sim.kernel.finishing import step_of


@njit
def blocks(tokens: int, engine: Any) -> int:
    """Return the blocks that hold *tokens* tokens."""
    return (tokens + engine.block - 1) // engine.block


@njit
def crossing_of(request: Any, engine: Any) -> int:
    """Return the class of the steps in which a decoding request needs a new block."""
    return (request.finish_step - request.output - request.prompt + 1) % engine.block


@njit
def until_change(one: Any, heap: Any, crossing: Any, engine: Any) -> int:
    """Return the steps until a sequence ends or the cache is full; the first one's blocks are taken already."""
    ahead = step_of(heap[0]) - one.step
    if one.decoding * ((ahead + engine.block - 2) // engine.block) <= one.free:
        return ahead
    cycles = one.free // one.decoding
    left, steps = one.free - cycles * one.decoding, 1 + cycles * engine.block
    while steps < ahead and crossing[(one.step + steps) % engine.block] <= left:
        left -= crossing[(one.step + steps) % engine.block]
        steps += 1
    return min(steps, ahead)


@njit
def taken(one: Any, crossing: Any, engine: Any, steps: int) -> int:
    """Return the blocks that decoding takes in *steps* steps after the present one."""
    cycles = steps // engine.block
    total = cycles * one.decoding
    at = one.step % engine.block
    for _ in range(steps - cycles * engine.block):
        at = 0 if at + 1 == engine.block else at + 1
        total += crossing[at]
    return total
