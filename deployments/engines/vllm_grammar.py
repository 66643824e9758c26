"""A bound on the time that following one request's constraint may take from the engine's steps.

Some grammars can be read in so many ways that each token takes longer than the one before, while every other stream of
the batch waits. What they cost cannot be told from their text alone.
"""

from __future__ import annotations

import time
from typing import Any

from vllm.v1.structured_output import backend_xgrammar
from vllm.v1.structured_output.backend_xgrammar import XgrammarGrammar

BUDGET_S = 2.0
PER_TOKEN_S = 0.02


class BudgetedGrammar(XgrammarGrammar):  # type: ignore[misc]
    """Ends its request, as one whose text does not fit, once it has taken more than it may for its tokens."""

    clock = staticmethod(time.perf_counter)
    spent_s = 0.0

    def accept_tokens(self, request_id: str, tokens: list[int]) -> bool:
        """Advance by *tokens*; False where they do not fit or the time is used up."""
        began_s = self.clock()
        fitting = bool(super().accept_tokens(request_id, tokens))
        self.spent_s += self.clock() - began_s
        return fitting and self.spent_s <= BUDGET_S + PER_TOKEN_S * self.num_processed_tokens

    def fill_bitmask(self, bitmask: Any, idx: int) -> None:
        """Mark the tokens that may come next."""
        began_s = self.clock()
        super().fill_bitmask(bitmask, idx)
        self.spent_s += self.clock() - began_s


def bound_constraints() -> None:
    """Let this process, an engine core, follow constraints within their budget only."""
    backend_xgrammar.XgrammarGrammar = BudgetedGrammar
