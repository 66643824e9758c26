"""Whose turn it is among accounts that share by weight: virtual counters of the work done for each.

Virtual token counters (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024): work counts when it is
done, divided by the weight, and who has least is next. An account that comes back from a pause begins where the least
of those who wait stands, or where the last one left if nobody waits: a pause is no credit, and no debt.
"""

from __future__ import annotations

from collections.abc import Collection

# By the shipped profiles a generated token takes 4.1 to 8.4 times as long as one of a prompt, in full batches with
# contexts of 1,000 tokens. All that matters here is that neither kind of work is free.
GENERATED = 6.0


def work_of(*, prompt: float = 0, generated: float = 0) -> float:
    """Return the work of so many tokens; the unit is what one token of a prompt takes."""
    return prompt + GENERATED * generated


class FairShares:
    """The counters; ``join`` when an account begins to wait, ``charge`` its work, ``take`` when it gets its turn."""

    def __init__(self) -> None:
        self._counters: dict[str, float] = {}
        self._last = ""

    def join(self, account: str, waiting: Collection[str]) -> None:
        """Let an account begin to wait beside those that do."""
        least = min(map(self.counter, waiting)) if waiting else self.counter(self._last)
        self._counters[account] = max(self.counter(account), least)

    def next(self, waiting: Collection[str]) -> str:
        """Return whose turn it is of those that wait, at least one; the first of equals."""
        return min(waiting, key=self.counter)

    def take(self, account: str) -> None:
        """Note that *account* has got its turn."""
        self._last = account

    def charge(self, account: str, work: float, weight: float) -> None:
        """Count *work*, which is negative where an estimate was too high."""
        self._counters[account] = self.counter(account) + work / weight

    def counter(self, account: str) -> float:
        """Return the work that was done for *account*, by its weight."""
        return self._counters.get(account, 0.0)
