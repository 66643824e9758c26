"""Ratios between contenders and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

RESAMPLES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A median over rounds with the least and the greatest of them."""

    median: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the range of *values*; raises ValueError without any."""
    if not values:
        raise ValueError("no round has a figure for this")
    return Spread(median=median(values), low=min(values), high=max(values), rounds=len(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide round by round, so that what slowed a whole round down cancels out."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds cannot be compared with {len(theirs)}")
    return [one / other for one, other in zip(ours, theirs, strict=True) if other > 0]


def interval(
    values: Sequence[float],
    *,
    statistic: Callable[[Sequence[float]], float] = median,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the bootstrap interval of *statistic* over *values* at *level*; raises ValueError without values."""
    if not values:
        raise ValueError("no values to resample")
    rng = Random(seed)  # noqa: S311 - resampling, no secret
    seen = sorted(statistic(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    tail = (1.0 - level) / 2
    return seen[int(tail * RESAMPLES)], seen[min(RESAMPLES - 1, int((1.0 - tail) * RESAMPLES))]
