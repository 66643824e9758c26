"""Sums that only grow: what engines worked on step by step, and how long requests turned out to be.

The difference of two readings is exact for the time between them, whoever reads how often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import add, sub
from typing import TypeVar

# What a step's time is a linear function of: 1, prompt tokens computed, those times the context that each attends to,
# sequences that decode, and tokens in the KV cache that they attend to.
STEP_FEATURES = 5
_TRIANGLE = STEP_FEATURES * (STEP_FEATURES + 1) // 2


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

    ``cached_tokens`` are the prompt tokens that a prefix cache had.
    """

    requests: float = 0
    prompt_tokens: float = 0
    cached_tokens: float = 0
    output_tokens: float = 0
    prompt_squared: float = 0
    output_squared: float = 0
    prompt_output: float = 0


Totals = TypeVar("Totals", StepTotals, LengthTotals)


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
    return type(one)(**{field.name: by(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)})
