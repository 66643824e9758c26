"""What an engine's scheduler aims at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

# Whether requests whose first token is late anyway wait behind the others, or all go in turn.
Late = Literal["behind", "in_turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Seconds to a first token and, on average, from token to token; infinite where nothing is promised."""

    due_s: float = math.inf
    pace_s: float = math.inf

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read what ``plain`` has written."""
        return cls(due_s=plain.get("due_s") or math.inf, pace_s=plain.get("pace_s") or math.inf)

    @property
    def any(self) -> bool:
        """Say whether there is anything to aim at."""
        return min(self.due_s, self.pace_s) < math.inf

    def plain(self) -> dict[str, float]:
        """Return it as plain JSON, which knows no infinity."""
        return {name: value for name, value in (("due_s", self.due_s), ("pace_s", self.pace_s)) if value < math.inf}


NONE = Targets()


def targets_of(ttft_s: float | None, tpot_s: float | None, late: Late) -> Targets:
    """Return what a pool's schedulers aim at by what it promises; at nothing where late requests go in turn."""
    if late == "in_turn":
        return NONE
    return Targets(due_s=ttft_s or math.inf, pace_s=tpot_s or math.inf)
