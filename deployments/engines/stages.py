"""Where an engine is on its way to ready, and since when."""

from __future__ import annotations

import time
from collections.abc import Callable

from deployments.signals import Stage

OnStage = Callable[[Stage], None]


def ignore(_: Stage) -> None:
    """Hear of a stage and do nothing."""


class StageClock:
    """Remembers the current stage with the Unix time at which it began, and tells one listener."""

    __slots__ = ("_listener", "_wall", "current", "since_s")

    def __init__(self, listener: OnStage = ignore, wall: Callable[[], float] = time.time) -> None:
        self._listener = listener
        self._wall = wall
        self.current: Stage = "placed"
        self.since_s = wall()

    def enter(self, stage: Stage) -> None:
        """Begin *stage*."""
        self.current = stage
        self.since_s = self._wall()
        self._listener(stage)
