"""Pools put together: all are paid for the same time."""

from __future__ import annotations

import numpy as np
import pytest

from autoscale.backtest.calibrate import Carried
from autoscale.backtest.certificate import Certificate, bound
from autoscale.backtest.demand import engine_seconds, offered
from autoscale.backtest.hindsight import known
from autoscale.backtest.trial import Trial
from autoscale.backtest.yardstick import STEP_S, Yardstick, measured
from autoscale.capacity.profile import StartTimes
from autoscale.hardware import Hardware
from tests.simulation.small import STEP, arrivals, pool, profile, scenario

GPUS = {"busy": 4.0, "short": 1.0, "idle": 2.0}


def trial() -> Trial:
    """Return a pool that is busy to the end, one whose trace ends early and one without arrivals."""
    pools = [
        pool(name, hardware=Hardware(gpus=gpus), min_replicas=2, initial_replicas=3, max_replicas=4)
        for name, gpus in GPUS.items()
    ]
    traces = {"busy": [arrivals(1800, 2.0)], "short": [arrivals(100, 2.0)]}
    return Trial(name="three", scenario=scenario(*pools, began_s=1e9), arrivals=traces)


def sticks(of: Trial) -> dict[str, Yardstick]:
    one = Carried(replicas=2, share=0.999, rate_rps=5.0, seconds_per_s=0.4, token_s=0.02)
    return {
        pool.name: Yardstick(
            pool=pool, offered=offered(of.arrivals[pool.name], engine_seconds(STEP), STEP_S, 0.02), carried=one,
            start_s=30.0,
        )
        for pool in of.scenario.pools if pool.name in of.arrivals
    }  # fmt: skip


def test_every_pool_is_paid_for_to_the_end():
    """Also the one whose trace ends early, and the one without arrivals its minimum."""
    of = trial()
    found = known(of, sticks(of), lambda stick, replay: replay(np.full(len(stick.demand), 2), "two"))
    assert found is not None
    last_s = of.arrivals["busy"][0].t_s[-1]
    assert set(found.outcome.pools) == set(GPUS)
    for one in found.outcome.pools.values():
        assert one.replica_seconds == pytest.approx(2 * last_s, rel=1e-6)
    figures = of.figures(found.outcome)
    assert figures.paid == figures.gpu_hours == pytest.approx(14 * last_s / 3600)
    assert 0 < figures.worst_5min <= 1  # the idle pool has nothing to judge


def test_the_bound_is_in_the_unit_of_what_is_paid():
    """Two of each at least: the bound of so little work is their minimum, within a step of each."""
    of = trial()
    hours = of.arrivals["busy"][0].t_s[-1] / 3600
    least = bound(of, sticks(of), 0.999)
    assert 10 * hours <= least <= 14 * hours * 1.02
    told = Certificate(name="OPT99.9", paid=1.1 * least, bound=least, unit=of.unit)
    assert told.gap == pytest.approx(0.1)
    assert "GPU-hours" in told.told
    assert "late" in told.told


def test_a_start_is_charged_with_its_lead_and_its_drain():
    """What a replay pays: asked for an interval and Serve's lag early, and paid until its last answer has ended."""
    short = pool(profile=profile(starts=StartTimes(median_s=40.0)), max_replicas=1)
    of = Trial(name="t", scenario=scenario(short, interval_s=5.0), arrivals={"chat": [arrivals(3000, 2.0)]})
    stick = measured(of, 0.9)["chat"]
    assert 45.5 < stick.work.start_s < 45.5 + 40 * 10 * stick.carried.token_s
