"""The time of many equal steps at once: each attends to as many tokens more than the last as sequences decode."""

from __future__ import annotations

import math
from typing import Any

from numba import njit


@njit
def seconds(one: Any, engine: Any, steps: int) -> float:
    """Return the time of the segment's first *steps* steps."""
    attended = steps * one.kv + one.decoding * (steps * (steps - 1) // 2)
    return one.chance * (steps * one.flat_s + engine.kv_token_s * attended)


@njit
def steps_over(one: Any, engine: Any, at_s: float) -> int:
    """Return how many whole steps of the segment are over at *at_s*."""
    spent = at_s - one.began_s
    square = 0.5 * one.chance * engine.kv_token_s * one.decoding
    linear = one.chance * (one.flat_s + engine.kv_token_s * one.kv) - square
    if linear <= 0.0 and square <= 0.0:
        return one.steps
    # The positive root of square n^2 + linear n = spent, in the form that does not cancel.
    guess = int(2.0 * spent / (linear + math.sqrt(linear * linear + 4.0 * square * max(0.0, spent))))
    guess = max(0, min(one.steps, guess))
    while guess > 0 and seconds(one, engine, guess) > spent:
        guess -= 1
    while guess < one.steps and seconds(one, engine, guess + 1) <= spent:
        guess += 1
    return guess
