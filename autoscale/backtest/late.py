"""What can be had without knowing what comes: replicas asked for the moment that they are needed.

Its demand is exact and of this instant, its starts never vary, and it is told in hindsight how many replicas to keep
standing and for how long to keep the others. Where even that misses an SLO or pays much more than the optimum, it is
the start that is too long for the workload, not the policy that reads it badly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autoscale.backtest.levels import Counts, Work, cost_s
from autoscale.backtest.optimum import first
from autoscale.backtest.replay import Replay, Replayed

_KEPT_S = (0.0, 300.0, 900.0, 3600.0)


def late_oracle(work: Work, lead_s: float, replay: Replay, share: float) -> Replayed | None:
    """Return the cheapest replayed schedule whose replicas come *lead_s* after the demand for them did.

    None where not even as many as the highest demand, always standing, reach *share*.
    """
    best: Replayed | None = None
    for kept_s in _KEPT_S:
        plans = [(least, too_late(work, lead_s, kept_s, least)) for least in range(work.least, work.levels + 1)]
        cheaper = [(least, plan) for least, plan in plans if best is None or cost_s(work, plan) < best.paid_s]
        told = [f"{least} standing, others kept for {kept_s:g} s" for least, _ in cheaper]
        found = first(work, [plan for _, plan in cheaper], told, replay, share)
        if found is not None and (best is None or found.paid_s < best.paid_s):
            best = found
    return best


def too_late(work: Work, lead_s: float, kept_s: float, least: int) -> Counts:
    """Return *least*, or what was needed at any time from *lead_s* and *kept_s* ago until *lead_s* ago."""
    need = np.ceil(work.replicas - 1e-9).astype(np.int64)
    lead, kept = round(lead_s / work.step_s), round(kept_s / work.step_s)
    known = np.concatenate([np.full(lead, least, dtype=np.int64), need])[: len(need)]
    return np.maximum(least, _highest(known, kept + 1))


def _highest(values: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return the highest of each value and the ones before it, *count* in all."""
    padded = np.concatenate([np.full(count - 1, values[:1].min(initial=0)), values])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, count).max(axis=1))
