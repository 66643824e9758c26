"""What an engine's steps take, learnt from its own."""

from __future__ import annotations

from deployments.cost.weights import Weights, fitted
from deployments.engines.step_sums import StepSums

# Fewer steps do not tell; and what they tell is worked out anew each time there are twice as many, or so many more.
_LEAST, _AGAIN = 64, 2048


class StepCosts:
    """The seconds that each part of a step takes; ``weights`` is None until enough steps have told."""

    def __init__(self) -> None:
        self.weights: Weights | None = None
        self._sums = StepSums()
        self._added, self._next = 0, 2 * _LEAST

    def add(self, seconds: float, *, prefill: float, prefill_context: float, sequences: float, kv: float) -> None:
        """Add one step, as ``StepSums`` has it."""
        self._sums.add(seconds, prefill=prefill, prefill_context=prefill_context, sequences=sequences, kv=kv)
        self._added += 1
        if self._added >= self._next:
            totals = self._sums.read()
            self._next = min(2 * self._added, self._added + _AGAIN)
            self.weights = fitted(totals) if totals.steps >= _LEAST else None
