"""How much CPU time background work may take: a share of the machine in the long run, and some seconds at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class CpuBudget:
    """``per_s`` seconds of CPU time for each second that passes, of which up to ``most_s`` are saved up.

    What a piece of work takes is known once it is done: more than was left is paid back before the next.
    """

    per_s: float
    most_s: float
    _left_s: float | None = None
    _at_s: float = 0.0

    def left(self, now_s: float) -> bool:
        """Say whether more may be begun at *now_s*."""
        if self._left_s is None:
            self._left_s, self._at_s = self.most_s, now_s
        self._left_s = min(self.most_s, self._left_s + self.per_s * max(0.0, now_s - self._at_s))
        self._at_s = now_s
        return self._left_s > 0

    def spend(self, cpu_s: float) -> None:
        """Take what has been used."""
        self._left_s = (self.most_s if self._left_s is None else self._left_s) - cpu_s
