"""The normal equations of step time (``StepTotals``) for many equal steps at once, exactly."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit
def add_steps(one: Any, engine: Any, steps: int) -> None:
    """Add the segment's first *steps* steps to the replica's totals.

    The KV tokens k grow by the decoding sequences d from step to step, so the sums of k and k^2 are those of a series.
    A segment's chance is that of the mean of its steps; what single steps differ by goes into the sum of squares.
    """
    n, d, first = float(steps), float(one.decoding), float(one.kv)
    indices = n * (n - 1.0) / 2.0
    kv = n * first + d * indices
    kv_kv = n * first * first + 2.0 * first * d * indices + d * d * (n - 1.0) * n * (2.0 * n - 1.0) / 6.0
    flat, slope = one.chance * one.flat_s, one.chance * engine.kv_token_s
    spent = n * flat + slope * kv
    gram = one.gram
    gram[0] += n
    gram[3] += n * d
    gram[4] += kv
    gram[12] += n * d * d
    gram[13] += d * kv
    gram[14] += kv_kv
    sums = one.seconds
    sums[0] += spent
    sums[3] += d * spent
    sums[4] += flat * kv + slope * kv_kv
    squares = n * flat * flat + 2.0 * flat * slope * kv + slope * slope * kv_kv
    one.squared += squares * (1.0 + engine.noise * engine.noise * (1.0 - 1.0 / n))
    if one.prefill > 0.0:
        _add_prefill(one, n, d, kv, spent)


@njit
def _add_prefill(one: Any, n: float, d: float, kv: float, spent: float) -> None:
    p, a, gram = one.prefill, one.context, one.gram
    gram[1] += n * p
    gram[2] += n * a
    gram[5] += n * p * p
    gram[6] += n * p * a
    gram[7] += n * p * d
    gram[8] += p * kv
    gram[9] += n * a * a
    gram[10] += n * a * d
    gram[11] += a * kv
    one.seconds[1] += p * spent
    one.seconds[2] += a * spent
