"""What processes tell of cost: sums of an hour, by whose they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

# ``used`` is a tenant's, ``shadow`` was asked by nobody, ``idle`` had no work, ``start`` could not work yet: seconds of
# engines. ``listed`` are tokens of a tenant, and ``listed-shadow`` nobody's, with what they are sold for.
Kind = Literal["used", "shadow", "idle", "start", "listed", "listed-shadow"]
HOUR_S = 3600
OTHERS = "(others)"


class Key(NamedTuple):
    """Whose a sum is; ``hour`` counts from 1970 UTC, ``model`` is empty where an engine was idle."""

    hour: int
    kind: Kind
    pool: str
    model: str = ""
    tenant: str = ""
    currency: str = ""


@dataclass(slots=True, kw_only=True)
class Sums:
    """Calls, their tokens, seconds of one replica, and an amount of money."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    amount: float = 0.0

    def add(self, more: Sums) -> None:
        """Add *more*."""
        self.calls += more.calls
        self.prompt_tokens += more.prompt_tokens
        self.completion_tokens += more.completion_tokens
        self.seconds += more.seconds
        self.amount += more.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one process came to since its last one; ``number`` grows by one, and is 0 where there is nothing to tell."""

    source: str
    number: int = 0
    lines: tuple[tuple[Key, Sums], ...] = field(default=())
