"""How long an idle pool keeps its last replica: what that costs against what the next request would wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_LAST = 200
# From fewer gaps than these nothing is concluded.
_FEWEST = 10


@dataclass(slots=True)
class Idle:
    """The gaps without requests that a pool has had."""

    gaps_s: list[float] = field(default_factory=list)
    since_s: float | None = None

    def see(self, at_s: float, busy: bool) -> float:
        """Take whether there is anything to do, and return for how many seconds there has been nothing."""
        if busy:
            if self.since_s is not None and at_s > self.since_s:
                self.gaps_s = [*self.gaps_s[-_LAST + 1 :], at_s - self.since_s]
            self.since_s = None
            return 0.0
        if self.since_s is None:
            self.since_s = at_s
        return at_s - self.since_s

    def keep_s(self, start_s: float, penalty_s: float) -> float:
        """Return after how many idle seconds to let the last replica go, at a cost of a start and the penalty.

        With few gaps that is the cost itself, which is at most twice as dear as knowing the future (ski rental). With
        more it is what would have been the cheapest for them.
        """
        return keep_s(self.gaps_s, start_s + penalty_s)

    def plain(self) -> dict[str, Any]:
        """Return what was learnt as plain JSON."""
        return {"gaps_s": self.gaps_s, "since_s": self.since_s}


def keep_s(gaps_s: Sequence[float], cost_s: float) -> float:
    """Return the time-out that would have cost the least over *gaps_s*, at most *cost_s* as none is worth more."""
    if len(gaps_s) < _FEWEST:
        return cost_s
    ordered = sorted(gaps_s)
    best_s, least, passed = cost_s, sum(min(gap, cost_s) + (gap > cost_s) * cost_s for gap in ordered), 0.0
    for at, gap_s in enumerate([0.0, *ordered]):
        if gap_s > cost_s:
            break
        passed += gap_s
        cost = passed + (len(ordered) - at) * (gap_s + cost_s)
        if cost < least:
            best_s, least = gap_s, cost
    return best_s
