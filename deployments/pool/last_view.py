"""The fleet controller's last word as a gateway has it, with the time it came."""

from __future__ import annotations

import time
from collections.abc import Callable

from deployments.signals import FleetView

STALE_AFTER_S = 5.0


class LastView:
    """Keeps one view; ``fresh`` forgets one that is too old to act on, ``latest`` does not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: tuple[float, FleetView] | None = None

    def take(self, view: FleetView) -> None:
        """Keep *view*; the time is this process's own, because clocks of machines differ."""
        self._held = (self._clock(), view)

    def latest(self) -> FleetView | None:
        """Return the last view, however old."""
        return self._held[1] if self._held else None

    def fresh(self) -> FleetView | None:
        """Return the last view unless it came so long ago that the pools may be quite different now."""
        if self._held is None or self._clock() - self._held[0] > STALE_AFTER_S:
            return None
        return self._held[1]
