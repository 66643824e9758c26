"""How a run went over time, thinned out for a plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoscale.sim.outcome import ATTAINMENT_WINDOW_S, Decided, PoolOutcome

_POINTS = 1500
_DECISIONS = 600
_MINUTE = round(60.0 / ATTAINMENT_WINDOW_S)
_STAGES = ("ready", "warming", "loading", "requested", "draining")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One pool of one run: each series with its own times in hours, and the decisions that changed the target.

    Stages are the most replicas in each thinned step, attainment is a share in [0, 1] with None for idle times.
    """

    pool: str
    t_h: list[float]
    stages: dict[str, list[float]]
    waiting: list[float]
    attained_t_h: list[float]
    attained: list[float | None]
    decisions: tuple[Decided, ...]
    decisions_left_out: int

    def plain(self) -> dict[str, Any]:
        """Return it as JSON data without the decisions, which are many."""
        return {"pool": self.pool, "t_h": self.t_h, "stages": self.stages, "attained": self.attained}


def course(pool: str, outcome: PoolOutcome) -> Course:
    """Thin out one pool's run to at most 1,500 points a series."""
    line = outcome.timeline
    every = max(1, -(-len(line.t_s) // _POINTS))
    starts = np.arange(0, len(line.t_s), every)
    windows = max(_MINUTE, -(-len(outcome.window_requests) // _POINTS))
    asked, met = _sums(outcome.window_requests, windows), _sums(outcome.window_within, windows)
    changes = _changes(outcome.decisions)
    return Course(
        pool=pool,
        t_h=(line.t_s[starts] / 3600).tolist(),
        stages={stage: _highest(getattr(line, stage), starts) for stage in _STAGES},
        waiting=_highest(line.waiting, starts),
        attained_t_h=(np.arange(len(asked)) * windows * ATTAINMENT_WINDOW_S / 3600).tolist(),
        attained=[float(b / a) if a else None for a, b in zip(asked, met, strict=True)],
        decisions=changes[:_DECISIONS],
        decisions_left_out=max(0, len(changes) - _DECISIONS),
    )


def _highest(values: npt.NDArray[Any], starts: npt.NDArray[np.int64]) -> list[float]:
    return np.maximum.reduceat(values, starts).astype(float).tolist() if len(starts) else []


def _sums(values: npt.NDArray[Any], every: int) -> npt.NDArray[Any]:
    return np.add.reduceat(values, np.arange(0, len(values), every)) if len(values) else values


def _changes(decisions: tuple[Decided, ...]) -> tuple[Decided, ...]:
    """Keep the decisions whose number differs from the one before; a changed reason alone is no step."""
    return tuple(one for at, one in enumerate(decisions) if at == 0 or one.replicas != decisions[at - 1].replicas)
