"""What happened between two fleets, from sums that only grow."""

from __future__ import annotations

from dataclasses import dataclass

from autoscale.fleet import Demand

# Rates over less than this are mostly chance.
EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests that came, and that were judged and missed a target, in *gap_s* seconds."""

    gap_s: float
    arrivals: int
    judged: int
    missed: int

    @property
    def rate_rps(self) -> float:
        """Return the arrivals per second."""
        return self.arrivals / self.gap_s


@dataclass(slots=True)
class Counter:
    """Remembers the sums of the fleet that the last count ended with."""

    _at_s: float | None = None
    _last: Demand | None = None

    def see(self, demand: Demand, at_s: float) -> Counted | None:
        """Return what happened since the last count, None while that is too short ago or the sums began again."""
        if self._at_s is None or self._last is None:
            self._at_s, self._last = at_s, demand
            return None
        gap_s = at_s - self._at_s
        if gap_s < EVERY_S - 1e-6:
            return None
        before, self._at_s, self._last = self._last, at_s, demand
        arrivals = demand.arrivals_total - before.arrivals_total
        judged = demand.judged_total - before.judged_total
        within = demand.within_total - before.within_total
        if arrivals < 0 or judged < 0:
            return None
        return Counted(gap_s, arrivals, judged, max(0, judged - max(0, within)))
