"""How goals were kept over their whole window, hour by hour, whichever gateways came and went."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.signals import GoalCounts

HOUR_S = 3600
# Of gateways that are gone only so many are remembered, in case they speak again.
MOST_GATEWAYS = 1_000


@dataclass(slots=True)
class GoalBook:
    """Adds up what gateways report; times are Unix seconds."""

    _hours: dict[int, dict[str, list[int]]] = field(default_factory=dict)
    _last: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    _goals: dict[str, GoalCounts] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)  # when each goal was judged first

    def hear(self, gateway: str, told: Mapping[str, GoalCounts], now_s: float) -> None:
        """Take one gateway's counts since it began."""
        before = self._last.pop(gateway, {})
        self._last[gateway] = {goal: [counts.judged, counts.missed] for goal, counts in told.items()}
        if len(self._last) > MOST_GATEWAYS:
            del self._last[next(iter(self._last))]
        self._goals = dict(told)
        for goal, counts in told.items():
            judged, missed = before.get(goal, [0, 0])
            if counts.judged < judged or counts.missed < missed:  # a goal that was taken out and put in again
                judged = missed = 0
            if counts.judged > judged:
                self._since.setdefault(goal, now_s)
                hour = self._hours.setdefault(int(now_s) // HOUR_S, {}).setdefault(goal, [0, 0])
                hour[0] += counts.judged - judged
                hour[1] += counts.missed - missed

    def status(self, now_s: float) -> list[dict[str, Any]]:
        """Return each goal with what is left of its budget, None where nothing has counted yet."""
        self._forget(now_s)
        return [self._status(goal, counts, now_s) for goal, counts in sorted(self._goals.items())]

    def plain(self) -> dict[str, Any]:
        """Return what must be found again after a restart."""
        hours = {str(hour): goals for hour, goals in self._hours.items()}
        return {"hours": hours, "last": self._last, "since": self._since}

    def take(self, plain: Mapping[str, Any]) -> None:
        """Take up what ``plain`` returned."""
        self._hours = {int(hour): dict(goals) for hour, goals in plain.get("hours", {}).items()}
        self._last = dict(plain.get("last", {}))
        self._since = dict(plain.get("since", {}))

    def _status(self, goal: str, told: GoalCounts, now_s: float) -> dict[str, Any]:
        first = (now_s - told.window_s) // HOUR_S
        hours = {hour: goals[goal] for hour, goals in self._hours.items() if goal in goals and hour > first}
        judged, missed = (sum(counts[at] for counts in hours.values()) for at in (0, 1))
        allowed = (1 - told.share) * judged
        return {
            "goal": goal,
            "share": told.share,
            "window_s": told.window_s,
            "known_s": now_s - max(min(hours) * HOUR_S, self._since.get(goal, 0.0)) if hours else 0.0,
            "judged": judged,
            "missed": missed,
            "budget_left": 1 - missed / allowed if allowed else None,
        }

    def _forget(self, now_s: float) -> None:
        longest_s = max((goal.window_s for goal in self._goals.values()), default=math.inf)
        for hour in [hour for hour in self._hours if hour < (now_s - longest_s) // HOUR_S]:
            del self._hours[hour]
