"""The setting of a policy that holds an SLO for the least GPU-hours, or cost where there are no GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from autoscale.backtest.figures import Figures
from autoscale.backtest.space import knobs, neighbours

Setting = TypeVar("Setting")
Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried(Generic[Setting]):
    """One setting and its figures."""

    setting: Setting
    figures: Figures

    def rank(self, share: float) -> tuple[float, float]:
        """Order by what is missing of the SLO first, then by what is paid."""
        return max(0.0, share - self.figures.slo), self.figures.paid


def best(tried: Iterable[Tried[Setting]], share: float) -> Tried[Setting]:
    """Return the cheapest that holds *share*, or what comes nearest to it. Raises ValueError where none was tried."""
    return min(tried, key=lambda one: one.rank(share))


def halved(ladder: Sequence[Setting], judge: Callable[[Setting], Figures], share: float) -> tuple[Tried[Setting], ...]:
    """Try settings of a *ladder* from careful to careless, halving what is left, and return all that were tried.

    It finds the most careless one that holds *share* where more care never misses more.
    """
    tried, low, high = [], 0, len(ladder)
    while low < high:
        middle = (low + high) // 2
        tried.append(Tried(setting=ladder[middle], figures=judge(ladder[middle])))
        holds = tried[-1].figures.slo >= share
        low, high = (middle + 1, high) if holds else (low, middle)
    return tuple(tried)


def descend(start: Options, judge: Callable[[Options], Figures], share: float, most: int) -> tuple[Tried[Options], ...]:
    """Try neighbours one number at a time, go on from the best, and end when none is better or *most* were tried.

    Returns all that was tried in order; the first is *start*.
    """
    tried = [Tried(setting=start, figures=judge(start))]
    found, again = tried[0], True
    while again and len(tried) < most:
        before = found
        for path in knobs(found.setting):
            for setting in neighbours(found.setting, path):
                if len(tried) >= most:
                    break
                if setting not in [one.setting for one in tried]:
                    tried.append(Tried(setting=setting, figures=judge(setting)))
            found = best(tried, share)
        again = found is not before
    return tuple(tried)
