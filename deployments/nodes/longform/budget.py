"""The tokens that one long answer may generate in all, and what is left of them."""

from __future__ import annotations


class Budget:
    """Every call is granted its most before it begins, so that the total holds whatever the calls turn out to take.

    Only what a call takes beside its answer is nobody's to know before: it goes from what others were to take.
    """

    __slots__ = ("_free", "_total", "spent")

    def __init__(self, total: int, *, planned: int) -> None:
        self._total = total
        self._free = total - planned
        self.spent = 0

    def took(self, granted: int, tokens: int) -> None:
        """Account for a call that was *granted* tokens and took so many."""
        self.spent += tokens
        self._free += granted - tokens

    def took_unseen(self, tokens: int) -> None:
        """Account for what a call took beside its answer, in the nodes below."""
        self.spent += tokens
        self._free -= tokens

    @property
    def lacking(self) -> int:
        """Return how many tokens of what is planned cannot be paid for."""
        return max(0, -self._free)

    def saves(self, granted: int) -> None:
        """Account for a planned call that is not needed."""
        self._free += granted

    def grants(self, tokens: int) -> bool:
        """Grant *tokens* beyond the plan, where what others did not need suffices."""
        if tokens > self._free:
            return False
        self._free -= tokens
        return True
