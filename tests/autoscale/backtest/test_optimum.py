"""The search for the cheapest schedule, judged by a fluid queue in place of the simulator."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autoscale.backtest.bounds import dual_s
from autoscale.backtest.levels import Counts, Work, cost_s, missed_s
from autoscale.backtest.optimum import optimum, oracle
from autoscale.backtest.replay import Replay, Replayed


def day() -> Work:
    rng = np.random.default_rng(3)
    course = 8 + 5 * np.sin(np.arange(2000) / 300)
    return Work(replicas=course + rng.normal(0, 0.6, 2000), step_s=15.0, start_s=180.0)


def judged(work: Work, tried: list[float]) -> Replay:
    """Return a replay in which work beyond what is on is missed."""

    def replay(counts: Counts, told: str) -> Replayed:
        share = 1 - missed_s(work, counts) / work.total_s
        paid = cost_s(work, counts)
        tried.append(share)
        again: Any = SimpleNamespace
        return Replayed(pool="dense", counts=counts, told=told, attainment=share, paid_s=paid, again=again)

    return replay


@pytest.mark.parametrize("share", [0.95, 0.999])
def test_the_optimum_holds_and_nothing_cheaper_by_foresight_was_passed_over(share):
    """Where work is dropped and never late it is within 2 % of the dual bound, and the oracle pays more."""
    work = day()
    tried: list[float] = []
    best = optimum(work, judged(work, tried), share)
    informed = oracle(work, judged(work, []), share)
    assert best is not None
    assert informed is not None
    assert best.attainment >= share
    assert best.paid_s <= informed.paid_s
    assert dual_s(work, 1 - share) <= best.paid_s * (1 + 1e-9)
    assert best.paid_s <= 1.02 * dual_s(work, 1 - share)
    assert len(tried) < 30


def test_one_shape_alone_is_found_in_few_replays():
    """The shape that was best is told and gives the same schedule again; one that cannot hold ends nothing."""
    work, every, few = day(), list[float](), list[float]()
    best = optimum(work, judged(work, every), 0.999)
    assert best is not None
    assert best.shape is not None
    again = optimum(work, judged(work, few), 0.999, best.shape)
    assert again is not None
    assert again.paid_s == best.paid_s
    assert len(few) < len(every)
    other = optimum(work, judged(work, []), 0.999, (600.0, 4.0))
    assert other is not None
    assert other.paid_s == best.paid_s


def test_no_schedule_is_none():
    """A share that cannot be reached gives no row rather than a wrong one."""
    work = day()
    never = Work(replicas=work.replicas * 3, step_s=15.0, start_s=180.0)
    assert optimum(work, judged(never, []), 0.999) is None
