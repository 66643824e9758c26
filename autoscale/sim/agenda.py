"""What is to happen when."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Action = Callable[[float], None]


class Agenda:
    """Actions in order of their time, those of one time in the order in which they were put in."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Action, bool]] = []
        self._numbers = itertools.count()

    def at(self, when_s: float, action: Action, *, aside: bool = False) -> None:
        """Have *action* called with the time when it has come; one *aside* touches nothing that moves by itself."""
        heapq.heappush(self._entries, (when_s, next(self._numbers), action, aside))

    @property
    def next_s(self) -> float:
        """Return when the next action is due; it is never without one while a simulation runs."""
        return self._entries[0][0]

    @property
    def next_aside(self) -> bool:
        """Tell whether the next action touches nothing that moves by itself."""
        return self._entries[0][3]

    def pop(self) -> tuple[float, Action]:
        """Take the next action."""
        when_s, _, action, _ = heapq.heappop(self._entries)
        return when_s, action
