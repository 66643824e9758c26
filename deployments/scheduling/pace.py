"""How many prompt tokens a step may compute so that those who decode in it get their next tokens in time.

Every sequence that decodes waits for the whole step, so a step with much of a prompt in it makes all of them slow; and
where a batch is so large that each step takes longer than the target, none of its requests is within. With this limit
overload waits in the queue instead (as the token budgets of Sarathi-Serve, Agrawal et al., OSDI 2024, but from step to
step). Plain arithmetic on numbers: the simulator compiles this very function.
"""

from __future__ import annotations

import math

# However slow the batch is, prompts go on with this part of the budget: the batch gets smaller by them alone.
LEAST = 16


def prompt_tokens(budget: int, left_s: float, before: float, token_s: float, context_s: float) -> int:
    """Return how many of *budget* prompt tokens take *left_s*, what the target leaves of a step, at the most.

    A token takes ``token_s``, and ``context_s`` for each that it attends to; *before* come before the first of them.
    """
    least = max(1, budget // LEAST)
    if left_s <= 0.0:
        return min(budget, least)
    linear = token_s + context_s * before
    root = linear + math.sqrt(linear * linear + 2.0 * context_s * left_s)
    if root * budget <= 2.0 * left_s:
        return budget
    return min(budget, max(least, int(2.0 * left_s / root)))
