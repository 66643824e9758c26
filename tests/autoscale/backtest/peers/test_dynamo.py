"""The Dynamo planner's loops by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoscale.backtest.peers.dynamo_load import EasyLoad, SlaLoad, estimate
from autoscale.backtest.peers.dynamo_throughput import BothLoops, Throughput, both_loops
from autoscale.backtest.peers.local_trend import LocalTrend
from autoscale.fleet import Demand
from tests.autoscale.backtest.fleets import STEP, asked, finished, loaded
from tests.autoscale.builders import pool, replica

EVEN = finished(10, 1000, 100)


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ([(0.9, 20_000), (0.1, 0)], 3),  # 1.1 in one: up
        ([(0.5, 0), (0.55, 0)], 1),  # all below 0.6: down
        ([(0.5, 0), (0.7, 0)], 2),  # one above: stay
        ([(0.5, 20_000), (0.5, 0)], 2),  # 0.7 with its queue: stay
    ],
)
def test_easy_mode_looks_at_kv_and_queue(loads, expected):
    """Up if any is over the cache, down if all are well below."""
    of = loaded(*[{"kv_used": kv, "queued_prompt_tokens": queued} for kv, queued in loads])
    assert asked(EasyLoad(), of) == expected


def test_does_nothing_while_replicas_come_or_go():
    """One starts, or one is not gone yet."""
    assert asked(EasyLoad(), loaded({"kv_used": 1.5}, starting=1)) == 2
    assert asked(EasyLoad(), loaded({"kv_used": 1.5}, {"kv_used": 1.5}, target=1)) == 1


def test_goes_on_while_a_replica_drains():
    """Its last streams may take many minutes; it is no worker any more."""
    leaving = loaded({"kv_used": 1.5})
    leaving = replace(leaving, replicas=(*leaving.replicas, replica("gone", stage="draining")))
    assert asked(EasyLoad(), leaving) == 2


def test_both_loops_take_their_settings_as_numbers():
    """Those are what tuning tries; without any the loops are as they come."""
    tuned = both_loops(sensitivity=0.5, interval_s=60)
    assert (tuned.load, tuned.throughput.interval_s) == (SlaLoad(sensitivity=0.5), 60)
    assert (both_loops().load, both_loops().throughput.interval_s) == (SlaLoad(), 180)


def test_estimates_what_the_next_prompt_waits_for():
    """4,000 queued + 1,000 own tokens are 3 steps of 2,048: 3 x (0.02 + 10 x 5e-4) + 5,000 x 1e-4."""
    of = loaded({"running": 10, "queued_prompt_tokens": 4000})
    load = of.replicas[0].load
    assert load is not None
    told = estimate(STEP, of, load, 1000)
    assert told.ttft_s == pytest.approx(3 * 0.025 + 0.5)
    assert told.own_s == pytest.approx(0.025 + 0.1)
    assert told.tpot_s == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("queued", "expected"),
    [
        ([20_000, 20_000], 3),  # about 2.3 s in both, target 1 s
        ([20_000, 0], 2),  # not in all
        ([0, 0], 1),  # well within, and with one less too
        ([3_500, 3_500], 2),  # 0.525 s now; with one less 8,000 tokens, 0.9 s: too near to 1 s
    ],
)
def test_sla_mode_moves_when_all_engines_agree(queued, expected):
    """Up when all are over, down when all would stay under 0.8 of what is left of the target."""
    of = loaded(*[{"queued_prompt_tokens": tokens} for tokens in queued], demand=EVEN)
    assert asked(SlaLoad(), of) == expected


def test_throughput_divides_arrivals_by_the_engines_rate():
    """1,800 arrivals in 180 s at 3 rps each: ceil(10 / 3) = 4."""
    rule = Throughput(rate_of=lambda _: 3.0, trend=False)
    asked(rule, pool(ready=1, demand=Demand(arrivals_total=500)), 0.0)
    assert asked(rule, pool(ready=1, demand=Demand(arrivals_total=2300)), 180.0) == 4


def test_the_floor_of_both_loops_is_the_throughput():
    """The load loop would go down from 4; the floor is 4."""
    rule = BothLoops(throughput=Throughput(rate_of=lambda _: 3.0, trend=False))
    four = [{}] * 4
    asked(rule, loaded(*four, demand=finished(10, 1000, 100, arrivals_total=500)), 0.0)
    later = loaded(*four, demand=finished(20, 1000, 100, arrivals_total=2300))
    assert asked(rule, later, 175.0) == 3
    assert asked(rule, later, 180.0) == 4


def test_the_trend_is_followed():
    """On a straight line the filter ends up one step ahead of it."""
    trend = LocalTrend()
    for value in range(0, 2000, 10):
        trend.add(float(value))
    assert trend.next == pytest.approx(2000, abs=0.5)
