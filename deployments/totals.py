"""Sums that only grow: what engines worked on step by step, and how long requests turned out to be.

The difference of two readings is exact for the time between them, whoever reads how often.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import zip_longest
from operator import add, sub
from typing import Any, TypeVar

# What a step's time is a linear function of: 1, prompt tokens computed, those times the context that each attends to,
# sequences that decode, and tokens in the KV cache that they attend to.
STEP_FEATURES = 5
_TRIANGLE = STEP_FEATURES * (STEP_FEATURES + 1) // 2
# Lengths are counted in eight bins to each doubling, up to a million tokens.
LENGTH_BINS, BINS_A_DOUBLING = 160, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTotals:
    """The normal equations of step time over every step after warm-up.

    With x = (1, prefill tokens, prefill tokens x context, decoding sequences, KV tokens) and t seconds of one step:
    ``gram`` is the upper triangle of the sum of x x', row by row, so ``gram[0]`` counts steps; ``seconds`` is the sum
    of x t, so ``seconds[0]`` is the time spent in steps; ``seconds_squared`` is the sum of t t.
    """

    gram: tuple[float, ...] = (0.0,) * _TRIANGLE
    seconds: tuple[float, ...] = (0.0,) * STEP_FEATURES
    seconds_squared: float = 0.0

    @property
    def steps(self) -> float:
        """Count the steps."""
        return self.gram[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthTotals:
    """Finished requests and their tokens; ``*_squared`` and ``prompt_output`` are sums of products for moments.

    ``cached_tokens`` are the prompt tokens that a prefix cache had. ``prompt_counts`` and ``output_counts`` count the
    requests by ``length_bin``, and are empty where nobody counts: means and squares do not tell how the longest tail
    off, on which latencies depend.
    """

    requests: float = 0
    prompt_tokens: float = 0
    cached_tokens: float = 0
    output_tokens: float = 0
    prompt_squared: float = 0
    output_squared: float = 0
    prompt_output: float = 0
    prompt_counts: tuple[float, ...] = ()
    output_counts: tuple[float, ...] = ()


_LENGTHS = tuple(one.name for one in fields(LengthTotals))


def length_bin(tokens: float) -> int:
    """Return which of the counts of lengths holds *tokens*: bin b from 2^(b/8) tokens on."""
    return min(LENGTH_BINS - 1, int(BINS_A_DOUBLING * math.log2(tokens))) if tokens > 1 else 0


Totals = TypeVar("Totals", StepTotals, LengthTotals)
Value = float | tuple[float, ...]


def gained(newer: Totals, older: Totals) -> Totals:
    """Return what was added between two readings; *newer* itself where the process has restarted in between."""
    if _size(newer) < _size(older):
        return newer
    return _combined(newer, older, sub)


def together(one: Totals, other: Totals) -> Totals:
    """Return the totals of two processes."""
    return _combined(one, other, add)


def _size(totals: StepTotals | LengthTotals) -> float:
    return totals.steps if isinstance(totals, StepTotals) else totals.requests


def _combined(one: Totals, other: Totals, by: Callable[[float, float], float]) -> Totals:
    if isinstance(one, StepTotals) and isinstance(other, StepTotals):
        return StepTotals(
            gram=tuple(map(by, one.gram, other.gram)),
            seconds=tuple(map(by, one.seconds, other.seconds)),
            seconds_squared=by(one.seconds_squared, other.seconds_squared),
        )
    return type(one)(**{name: _by(getattr(one, name), getattr(other, name), by) for name in _LENGTHS})


def _by(one: Value, other: Value, by: Callable[[float, float], float]) -> Any:
    """Combine two numbers, or the counts of two histograms, of which one may be empty."""
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return by(one, other)  # type: ignore[arg-type]
    if len(one) == len(other):
        return tuple(map(by, one, other))
    return tuple(by(mine, others) for mine, others in zip_longest(one, other, fillvalue=0.0))
