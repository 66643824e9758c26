"""The HPA's arithmetic, its tolerance, its stabilisation and its limits."""

from __future__ import annotations

import math

import pytest

from autoscale.backtest.peers.hpa_metrics import hpa_on_kv, hpa_on_ongoing
from autoscale.backtest.peers.keda import epp_keda, keda
from autoscale.backtest.peers.knee_use import hpa_on_knee
from autoscale.fleet import Demand
from tests.autoscale.backtest.fleets import asked, loaded
from tests.autoscale.builders import pool


@pytest.mark.parametrize(
    ("kv", "n", "expected"),
    [
        (0.75, 4, 6),  # ratio 1.5: ceil(4 x 1.5)
        (0.54, 4, 4),  # ratio 1.08, within 10 %
        (0.56, 4, 5),  # ratio 1.12: ceil(4.48)
        (1.00, 9, 18),  # ratio 2: 18, which is +100 %
    ],
)
def test_multiplies_replicas_by_the_ratio(kv, n, expected):
    """Within the tolerance it stays, beyond it the ceiling holds."""
    assert asked(hpa_on_kv(target=0.5), loaded(*[{"kv_used": kv}] * n)) == expected


def test_goes_up_by_at_most_double_or_four():
    """30 ongoing at a target of 2 want 15; from 2 replicas 2 + 4 are allowed."""
    assert asked(hpa_on_ongoing(target=2), pool(ready=2, running=30)) == 6


def test_goes_down_only_to_the_highest_of_five_minutes():
    """The scale that was there at the start stands for 300 s, then the last answers do."""
    rule, low = hpa_on_kv(target=0.5), loaded(*[{"kv_used": 0.125}] * 8)
    assert asked(rule, low, 0.0) == 8
    assert asked(rule, low, 285.0) == 8
    assert asked(rule, low, 300.0) == 2


def test_waiting_asks_for_the_sum_over_five():
    """23 waiting in all: ceil(23 / 5) = 5; nobody waiting in a healthy pool: the minimum, after stabilisation."""
    rule = keda()
    assert asked(rule, loaded({"waiting": 20}, {"waiting": 3}, {}), 0.0) == 5
    assert asked(rule, loaded({}, {}, {}), 400.0) == 0


def test_the_highest_trigger_wins():
    """Running 40 of 16 each: 2.5 -> 3; KV 0.9 of 0.6 on 2: 3; waiting 70 of 30 each: 3 (2.33)."""
    two = loaded({"running": 20, "kv_used": 0.2, "waiting": 35}, {"running": 20, "kv_used": 0.2, "waiting": 60})
    assert asked(epp_keda(), two) == 4  # 95 / 30 = 3.17


def test_follows_the_use_of_the_knee():
    """10 rps at a knee of 2 rps and 0.78 of it: ceil(10 / 1.56) = 7."""
    rule = hpa_on_knee(utilization=0.78, rate_of=lambda _: 2.0)
    assert asked(rule, pool(ready=5, demand=Demand(arrival_rate=10.0))) == 7


@pytest.mark.parametrize("rate", [0.0, -math.inf])
def test_holds_while_the_knee_is_unknown(rate):
    """Not knowing is no reason to move."""
    assert asked(hpa_on_knee(rate_of=lambda _: rate), pool(ready=5, demand=Demand(arrival_rate=10.0))) == 5
