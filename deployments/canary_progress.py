"""How far one canary has come, and what was counted on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from deployments.canary import Counts, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one canary has come. Times are Unix time; ``held`` is by hand, beside the configuration's.

    ``since_s`` is when the stage began, ``answered_s`` when the candidate was first known to have answered in it: what
    is still loading has not begun to prove itself. ``here`` was counted in this stage, ``whole`` in all stages of this
    rollout.
    """

    since_s: float
    answered_s: float | None = None
    index: int = 0
    status: Status = "running"
    held: bool = False
    steps: int = 0
    here: Counts = field(default_factory=Counts)
    whole: Counts = field(default_factory=Counts)

    def counting(self, more: Counts) -> Progress:
        """Return the same with more counts."""
        return replace(self, here=self.here.plus(more), whole=self.whole.plus(more))
