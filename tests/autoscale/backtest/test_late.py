"""What knows of demand only when it is there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autoscale.backtest.late import late_oracle, too_late
from autoscale.backtest.levels import Counts, Work, cost_s, missed_s
from autoscale.backtest.replay import Replay, Replayed

LEAD_S = 180.0


def jump(length_s: float = 1800.0) -> Work:
    """Return an hour of two replicas with one jump to eight."""
    demand = np.full(round(3600 / 15), 2.0)
    demand[80 : 80 + round(length_s / 15)] = 8.0
    return Work(replicas=demand, step_s=15.0, start_s=LEAD_S)


def judged(work: Work) -> Replay:
    """Return a replay in which work beyond what is on is missed."""

    def replay(counts: Counts, told: str) -> Replayed:
        share, again = 1 - missed_s(work, counts) / work.total_s, SimpleNamespace
        kept: Any = again
        return Replayed(
            pool="dense", counts=counts, told=told, attainment=share, paid_s=cost_s(work, counts), again=kept
        )

    return replay


def test_replicas_come_a_start_after_the_demand_and_stay_for_as_long_as_they_are_kept():
    """What comes later changes nothing before."""
    work = jump(300.0)
    counts = too_late(work, LEAD_S, 600.0, 3)
    assert counts[: 80 + 12].tolist() == [3] * 92
    assert counts[92 : 92 + 20 + 40].tolist() == [8] * 60
    assert counts[152:].tolist() == [3] * len(counts[152:])
    cut = Work(replicas=work.replicas[:120], step_s=15.0, start_s=LEAD_S)
    assert too_late(cut, LEAD_S, 600.0, 3).tolist() == counts[:120].tolist()


@pytest.mark.parametrize(("share", "standing"), [(0.7, 1), (0.999, 8)])
def test_an_unforeseen_jump_is_paid_for_with_replicas_that_stand(share, standing):
    """A start takes longer than a miss in a thousand allows, so that all eight have to be there before."""
    work = jump()
    found = late_oracle(work, LEAD_S, judged(work), share)
    assert found is not None
    assert found.attainment >= share
    assert found.counts.min() >= standing
    assert (found.paid_s > 1.3 * work.total_s) == (share > 0.99)


def test_nothing_is_found_where_nothing_reaches_the_share():
    """Rather than a schedule that does not."""
    work = jump()
    never = Work(replicas=work.replicas * 2, step_s=15.0, start_s=LEAD_S)
    assert late_oracle(work, LEAD_S, judged(never), 0.999) is None
