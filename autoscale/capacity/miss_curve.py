"""Which share of requests misses a target at which rate: a knee has a slope, and plans are made by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Self

# Where the rates of a curve are told, as shares of requests that miss.
LEVELS = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
_LOGS = tuple(map(math.log, LEVELS))
_LEAST_SLOPE, _MOST_SLOPE = 0.5, 60.0
_NEARLY_ALL = math.log(0.9)


@dataclass(frozen=True, slots=True)
class MissCurve:
    """The rates per replica at which the ``LEVELS`` are missed, increasing; straight in logarithms in between."""

    logs_rps: tuple[float, ...]

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> Self | None:
        """Return the curve through measured rates and shares, in order of rate; None where all of them miss."""
        raised: list[tuple[float, float]] = []
        for rate, share in points:
            if share > 0 and rate > 0:
                highest = raised[-1][1] if raised else 0.0
                raised.append((math.log(rate), max(highest, math.log(share)) if raised else math.log(share)))
        if not raised or raised[0][1] >= _LOGS[-1]:
            return None
        return cls(tuple(accumulate((_at(raised, level) for level in _LOGS), max)))

    @classmethod
    def around(cls, rate_rps: float, share: float, steepness: float) -> Self:
        """Return a curve on which *share* misses at *rate_rps*, and more with a power of the rate."""
        return cls(tuple(math.log(rate_rps) + (level - math.log(share)) / steepness for level in _LOGS))

    def rate(self, share: float) -> float:
        """Return the requests per second and replica at which *share* of them misses."""
        return math.exp(_at(list(zip(self.logs_rps, _LOGS, strict=True)), math.log(share)))

    def share(self, log_rps: float) -> float:
        """Return the share that misses at a rate, which is given by its logarithm."""
        logs = self.logs_rps
        for at in range(len(logs) - 1):
            if log_rps <= logs[at + 1] or at == len(logs) - 2:
                return math.exp(min(_NEARLY_ALL, _LOGS[at] + _slope(logs, at) * (log_rps - logs[at])))
        return math.exp(_NEARLY_ALL)

    def scaled(self, ratio: float) -> Self:
        """Return the curve with every rate *ratio* times as high."""
        return type(self)(tuple(one + math.log(ratio) for one in self.logs_rps))

    def between(self, other: Self, part: float) -> Self:
        """Return the curve that is *part* of the way to *other*, in [0, 1]."""
        return type(self)(tuple(a + part * (b - a) for a, b in zip(self.logs_rps, other.logs_rps, strict=True)))


def _slope(logs: Sequence[float], at: int) -> float:
    wide = logs[at + 1] - logs[at]
    return min(_MOST_SLOPE, max(_LEAST_SLOPE, (_LOGS[at + 1] - _LOGS[at]) / max(1e-9, wide)))


def _at(points: Sequence[tuple[float, float]], level: float) -> float:
    """Return the first coordinate at which the second one reaches *level*; outside by the slope at the end."""
    if len(points) == 1:
        (x, y), slope = points[0], _MOST_SLOPE
        return x + (level - y) / slope
    for (x, y), (x_next, y_next) in pairwise(points):
        if level <= y_next or x_next == points[-1][0]:
            slope = min(_MOST_SLOPE, max(_LEAST_SLOPE, (y_next - y) / max(1e-9, x_next - x)))
            return x + (level - y) / slope
    return points[-1][0]
