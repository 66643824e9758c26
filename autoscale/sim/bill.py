"""What the replicas of a pool cost, and which of their starts were in vain."""

from __future__ import annotations

from collections.abc import Iterable

from autoscale.sim.replica import Replica


class Bill:
    """Counts starts from being placed on hardware; a wasted one was taken away before it answered anything."""

    def __init__(self) -> None:
        self.starts = self.failed_starts = self.wasted_starts = 0
        self._paid: list[tuple[float, float]] = []

    def add(self, replica: Replica, answered: int, at_s: float) -> None:
        """Close the account of a replica that is gone."""
        self.wasted_starts += replica.started and replica.dismissed and answered == 0
        if replica.placed_s is not None:
            self._paid.append((replica.placed_s, at_s))

    def seconds(self, present: Iterable[Replica], end_s: float) -> float:
        """Return the seconds that are paid for up to *end_s*, those of replicas that are still there included."""
        running = [(one.placed_s, end_s) for one in present if one.placed_s is not None]
        return sum(max(0.0, min(ended_s, end_s) - began_s) for began_s, ended_s in [*self._paid, *running])
