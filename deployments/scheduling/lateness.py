"""Which waiting requests an engine takes first: those whose first token can still come in time.

A queue in the order of arrival makes everybody late once it is longer than the target: a pool that lacks a twentieth of
its capacity for some minutes then misses nearly every request. Where those that are late already go behind, it misses
about a twentieth, and they are answered as soon as there is room. It is earliest deadline first, whose deadlines are in
the order of arrival where all have one target, with the remedy for its collapse under overload: who cannot make it any
more does not take the time of those who can (G. Buttazzo, M. Spuri, F. Sensini, Value vs. Deadline Scheduling in
Overload Conditions, RTSS 1995).

Plain arithmetic on numbers: the simulator compiles these very functions.
"""

from __future__ import annotations

# A prompt shares its steps with the tokens of others, and with their prompts: it takes about twice its own time.
SHARED = 2.0
# Of so many requests that are taken while late ones wait, one is a late one, so that an overload starves nobody.
TURN = 64


def prefill_s(tokens: float, before: float, token_s: float, context_s: float) -> float:
    """Return how long *tokens* of a prompt take that attend to each other and to *before* tokens.

    A token takes ``token_s``, and ``context_s`` for each that it attends to.
    """
    return tokens * (token_s + context_s * (before + 0.5 * tokens))


def is_late(waited_s: float, own_s: float, due_s: float) -> bool:
    """Say whether a request will miss its first token's target *due_s*, whose prompt takes *own_s* by itself."""
    return waited_s + SHARED * own_s > due_s


def late_is_next(soon: int, late: int, taken: int) -> bool:
    """Say whether the next to be taken is a late one.

    *soon* requests can make it and *late* ones wait; *taken* have been preferred since the last late one.
    """
    return late > 0 and (soon == 0 or taken >= TURN - 1)
