"""One simulated replica, from being asked for to being gone."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.signals import Stage

NOWHERE = -1


@dataclass(slots=True, eq=False, kw_only=True)
class Replica:
    """``which`` is its number in the engines once it is ready, ``node`` where it was placed, None before.

    ``started`` says that the simulation has seen it start, ``dismissed`` that it was told to go.
    """

    name: str
    requested_s: float
    since_s: float
    stage: Stage = "requested"
    which: int = NOWHERE
    node: str | None = None
    placed_s: float | None = None
    startup_s: float | None = None
    started: bool = False
    dismissed: bool = False
    gone: bool = False

    def enter(self, stage: Stage, at_s: float) -> None:
        """Go on to *stage*."""
        self.stage, self.since_s = stage, at_s
