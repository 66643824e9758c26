"""How wrong forecasts have been: their scale now, and the quantiles of errors in units of that scale."""

from __future__ import annotations

import math
from typing import Any

from autoscale.forecast.smoothing import gain

# The scale is the root mean square over two memories: noise comes in spells of hours and days. A quiet half hour says
# nothing of the next one.
_MEMORIES_S = (6 * 3600.0, 3 * 86_400.0)
# What is assumed before anything was seen, and for how long that counts as seen.
_ASSUMED, _ASSUMED_FOR_S = 0.12, 1800.0
_LEAST = 0.01
# Beyond so many scales it is not noise but a jump. Headroom for those nobody would pay for: they widen the scale by no
# more than this and have no part in the tail, unless they go on until the scale has reached them.
_JUMP = 5.0

_BIN, _BINS = 0.1, 80
_KEEP_S = 7 * 86_400.0
_MOST_WEIGHT = 1e6
# Errors over x scales before any were seen: half of exp(-1.7 x), which has a tail between a normal and a heavy one.
_TAIL = 1.7
_TAIL_FOR_S = 6 * 3600.0


def jumped(error: float, scale: float) -> bool:
    """Say whether a forecast was too low by more than noise."""
    return error > _JUMP * scale


class Errors:
    """Recent errors of logarithms, so that scales and quantiles are shares of what was forecast."""

    def __init__(self) -> None:
        self._squares = [_ASSUMED**2] * len(_MEMORIES_S)
        self._seen_s = _ASSUMED_FOR_S
        survive = [0.5 * math.exp(-_TAIL * _BIN * at) for at in range(_BINS + 1)]
        self._below = _TAIL_FOR_S * 0.5
        self._counts = [_TAIL_FOR_S * (survive[at] - survive[at + 1]) for at in range(_BINS)]
        self._weight = 1.0

    @property
    def scale(self) -> float:
        """Return the size of a usual error now."""
        return max(_LEAST, math.sqrt(sum(self._squares) / len(self._squares)))

    def see(self, error: float, scale: float, gap_s: float) -> None:
        """Take the *error* of a forecast whose errors were *scale* when it was made."""
        self._seen_s += gap_s
        squared = min(error * error, (_JUMP * scale) ** 2)
        for at, memory_s in enumerate(_MEMORIES_S):
            share = max(gain(gap_s, memory_s), min(1.0, gap_s / self._seen_s) if self._seen_s < memory_s else 0.0)
            self._squares[at] += share * (squared - self._squares[at])
        if not jumped(error, scale):
            self._count(error / scale, gap_s)

    def quantile(self, over: float) -> float:
        """Return how many scales an error exceeds with the chance *over*, in (0, 0.5], linear inside a bin."""
        left = over * (self._below + sum(self._counts))
        for at in range(_BINS - 1, -1, -1):
            if self._counts[at] >= left:
                return _BIN * (at + 1 - left / self._counts[at])
            left -= self._counts[at]
        return 0.0

    def plain(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        counts = [round(count / self._weight, 3) for count in self._counts]
        return {
            "squares": self._squares, "seen_s": self._seen_s, "below": self._below / self._weight, "counts": counts,
        }  # fmt: skip

    def take(self, plain: dict[str, Any]) -> None:
        """Take up what an earlier process had. Raises ValueError where that had bins of another width."""
        if len(plain["counts"]) != _BINS or len(plain["squares"]) != len(_MEMORIES_S):
            raise ValueError("errors were counted in other bins")
        self._squares, self._seen_s = list(plain["squares"]), plain["seen_s"]
        self._below, self._counts, self._weight = plain["below"], list(plain["counts"]), 1.0

    def _count(self, scales: float, gap_s: float) -> None:
        """Count an error; instead of every count fading, new ones weigh more and more, which is the same."""
        self._weight *= math.exp(gap_s / _KEEP_S)
        if scales < 0:
            self._below += gap_s * self._weight
        else:
            self._counts[min(_BINS - 1, int(scales / _BIN))] += gap_s * self._weight
        if self._weight > _MOST_WEIGHT:
            self._below /= self._weight
            self._counts = [count / self._weight for count in self._counts]
            self._weight = 1.0
