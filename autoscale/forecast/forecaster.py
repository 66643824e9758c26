"""A series some minutes ahead, with how wrong that may be: learnt as it comes, from nothing."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from autoscale.forecast.errors import Errors, jumped
from autoscale.forecast.level import Level
from autoscale.forecast.season import DAY_S, WEEK_S, Season
from autoscale.forecast.skill import Skill
from autoscale.forecast.smoothing import gain

# What demand is now: the mean of so many seconds, so that single arrivals are not taken for it.
_NOW_S = 15.0
# What a forecast is judged by: batches and queues take in what is shorter.
EVEN_S = 60.0
NAMES = ("level", "day", "week")


@dataclass(frozen=True, slots=True)
class Forecast:
    """The middle of what to expect and the ``scale`` of its errors, both of logarithms; ``weights`` by name."""

    middle: float
    scale: float
    weights: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Made:
    due_s: float
    each: tuple[float, ...]
    middle: float
    scale: float


@dataclass(slots=True)
class Forecaster:
    """Blend the present level with the usual change at this time of day and week.

    Each counts by its recent errors at the very horizon asked for; where nothing beats the level that is what remains,
    and a season counts only once it has been seen whole. The series is of non-negative values; ``floor`` is what
    among them is next to nothing: errors are relative to the value and the floor together. Time is Unix seconds and
    only grows. ``jumped_s`` is when the series was last above its forecast by more than noise.
    """

    floor: float
    errors: Errors = field(default_factory=Errors)
    jumped_s: float = -math.inf
    _level: Level = field(default_factory=Level)
    _day: Season = field(default_factory=lambda: Season(DAY_S))
    _week: Season = field(default_factory=lambda: Season(WEEK_S))
    _skill: Skill = field(default_factory=lambda: Skill(len(NAMES)))
    _made: deque[_Made] = field(default_factory=deque)
    _stands: float = 0.0
    _now: float | None = None
    _even: float = 0.0
    _at_s: float = 0.0

    def see(self, at_s: float, value: float, gap_s: float, ahead_s: float) -> Forecast:
        """Take the mean *value* of the last *gap_s* seconds, and forecast *ahead_s* seconds later."""
        if self._now is None:
            self._now = self._even = value
        self._now += gain(gap_s, _NOW_S) * (value - self._now)
        self._even += gain(gap_s, EVEN_S) * (value - self._even)
        self._at_s = at_s
        logged = math.log(self._now + self.floor)
        self._judge(at_s, math.log(self._even + self.floor), gap_s)
        self._stands = self._level.see(logged, gap_s)
        self._day.see(at_s, logged)
        self._week.see(at_s, logged)
        made = self._forecast(ahead_s)
        self._made.append(made)
        return Forecast(made.middle, made.scale, dict(zip(NAMES, self._skill.weights(), strict=True)))

    def ahead(self, ahead_s: float) -> float:
        """Return the middle of what to expect at another horizon."""
        return self._forecast(ahead_s).middle

    @property
    def fast(self) -> float:
        """Return the value now, noise and all."""
        return self._now or 0.0

    def value(self, logged: float) -> float:
        """Turn a logarithm back into a value."""
        return max(0.0, math.exp(logged) - self.floor)

    def plain(self) -> dict[str, Any]:
        """Return what was learnt as plain JSON."""
        return {
            "floor": self.floor,
            "now": self._now,
            "even": self._even,
            "at_s": self._at_s,
            "level": self._level.plain(),
            "day": self._day.plain(),
            "week": self._week.plain(),
            "skill": self._skill.squares,
            "errors": self.errors.plain(),
        }

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Forecaster:
        """Take up what an earlier process had learnt; forecasts that it had under way are not judged."""
        made = cls(plain["floor"], _now=plain["now"], _even=plain["even"], _at_s=plain["at_s"])
        made._level = Level.of(plain["level"])
        made._day.take(plain["day"])
        made._week.take(plain["week"])
        made._skill.squares = list(plain["skill"])
        made.errors.take(plain["errors"])
        return made

    def _forecast(self, ahead_s: float) -> _Made:
        level = self._stands
        each = (
            level,
            *(level + self._usual(one, ahead_s) for one in (self._day, self._week)),
        )
        middle = sum(weight * one for weight, one in zip(self._skill.weights(), each, strict=True))
        return _Made(self._at_s + ahead_s, each, middle, self.errors.scale)

    def _usual(self, season: Season, ahead_s: float) -> float:
        return season.change(self._at_s, ahead_s) or 0.0

    def _judge(self, at_s: float, logged: float, gap_s: float) -> None:
        last = None
        while self._made and self._made[0].due_s <= at_s:
            last = self._made.popleft()
        if last is not None:
            self._skill.see([logged - one for one in last.each], gap_s)
            self.errors.see(logged - last.middle, last.scale, gap_s)
            if jumped(logged - last.middle, last.scale):
                self.jumped_s = at_s
