"""The cheapest schedule in hindsight, solved exactly replica by replica.

The cost is convex in the number of replicas plus a price for each start, so it splits by level: level k is on or off
by itself, and the number of replicas is how many levels are on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# What the walks of all prices that are followed at once may take.
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """What arrives, in replicas: ``replicas[t]`` is the work per second of step t over one replica's capacity.

    A step is ``step_s`` long. ``least`` replicas are always on. A start is paid with ``start_s`` seconds.
    """

    replicas: Floats
    step_s: float
    start_s: float
    least: int = 1

    @property
    def levels(self) -> int:
        """Return the most replicas that could ever help."""
        return max(self.least, int(np.ceil(self.replicas.max(initial=0.0) - 1e-9)))

    @property
    def total_s(self) -> float:
        """Return all work, in replica-seconds."""
        return float(self.replicas.sum()) * self.step_s


def schedules(work: Work, prices: Sequence[float]) -> Counts:
    """Return the cheapest schedule for each price of a second of missed work: [price, step] replicas.

    Minimises step_s x sum(n) + start_s x starts + price x step_s x sum((x - n)^+). Of equally cheap ones a level stays
    as it is, and begins and ends off, so that levels nest.
    """
    above = np.arange(work.least, work.levels, dtype=np.float64)
    counts = np.full((len(prices), len(work.replicas)), work.least, dtype=np.int64)
    if len(above) and len(work.replicas):
        at_once = max(1, _MOST_BYTES // (len(work.replicas) * len(above)))
        for begin in range(0, len(prices), at_once):
            told = _preferences(work, above, np.asarray(prices[begin : begin + at_once], dtype=np.float64))
            for index in range(told.shape[1]):
                counts[begin + index] += _on(told[:, index]).sum(axis=1)
    return counts


def _preferences(work: Work, above: Floats, prices: Floats) -> npt.NDArray[np.int8]:
    """Walk forward: [step, price, level] 1 where the level is on by then, -1 where it is off, 0 where it is as next.

    The walk is of the cost of being on less that of being off. Beyond a start's price either way, switching is what
    the cheapest path does.
    """
    walk = np.full((len(prices), len(above)), work.start_s, dtype=np.float64)
    missed = np.empty_like(walk)
    told = np.empty((len(work.replicas), *walk.shape), dtype=np.int8)
    scaled = prices[:, None] * work.step_s
    for t, x in enumerate(work.replicas):
        np.clip(walk, 0.0, work.start_s, out=walk)
        np.multiply(scaled, np.clip(x - above, 0.0, 1.0), out=missed)
        walk += work.step_s
        walk -= missed
        np.subtract(walk < 0.0, walk > work.start_s, out=told[t], dtype=np.int8, casting="unsafe")
    told[-1] = np.where(walk < 0.0, 1, -1)
    return told


def _on(told: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Read the walk backwards: where a level may stay as it is, it is as it will be next."""
    steps = np.arange(len(told), dtype=np.int32)[:, None]
    decided = np.where(told != 0, steps, len(told) - 1)
    nearest = np.minimum.accumulate(decided[::-1], axis=0)[::-1]
    return np.asarray(np.take_along_axis(told, nearest, axis=0) > 0)


def cost_s(work: Work, counts: Counts) -> float:
    """Return the replica-seconds paid for a schedule, starts above the least included."""
    before = np.concatenate([[work.least], counts[:-1]])
    starts = np.maximum(counts - before, 0).sum()
    return float(counts.sum() * work.step_s + starts * work.start_s)


def missed_s(work: Work, counts: Counts) -> float:
    """Return the replica-seconds of work beyond what was on; it is dropped and builds no backlog."""
    return float(np.maximum(work.replicas - counts, 0.0).sum() * work.step_s)
