"""llm-d's analysers by hand."""

from __future__ import annotations

import pytest

from autoscale.backtest.peers.inferno import QueueModel
from autoscale.backtest.peers.wva_v1 import WvaV1
from autoscale.backtest.peers.wva_v2 import WvaV2
from tests.autoscale.backtest.fleets import asked, finished, loaded


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ([(0.75, 0), (0.74, 0)], 3),  # spare KV 0.055 < 0.10
        ([(0.2, 3), (0.2, 2)], 3),  # spare queue 2.5 < 3
        ([(0.9, 0), (0.9, 9)], 3),  # nobody unsaturated
        ([(0.3, 0), (0.3, 0)], 1),  # 0.80 - 0.3 x 2 = 0.2 spare without one
        ([(0.4, 0), (0.4, 0)], 2),  # 0.80 - 0.4 x 2 = 0: stay
        ([(0.1, 1), (0.1, 1)], 1),  # 5 - 1 x 2 = 3 is still enough
        ([(0.1, 0)], 1),  # the last one stays
    ],
)
def test_v1_moves_by_one(loads, expected):
    """Up when spare runs out, down when it would not."""
    assert asked(WvaV1(), loaded(*[{"kv_used": kv, "waiting": queue} for kv, queue in loads])) == expected


def test_v1_sees_the_worst_of_a_minute():
    """A queue of half a minute ago still counts."""
    rule = WvaV1()
    rule.see(loaded({"waiting": 4}), 0.0)
    assert asked(rule, loaded({}), 30.0) == 2
    assert asked(rule, loaded({}), 100.0) == 1


def test_v1_waits_for_what_is_starting():
    """No step while a replica is on its way."""
    assert asked(WvaV1(), loaded({"kv_used": 0.79}, starting=1)) == 2


def test_v2_by_memory_when_it_knows_no_lengths():
    """k1 = 0.8 x 100,000; demand 2 x 75,000: 150,000 / 0.85 - 160,000 = 16,471: one more."""
    assert asked(WvaV2(), loaded({"kv_used": 0.75}, {"kv_used": 0.75})) == 3


def test_v2_counts_what_is_starting():
    """The same with one on its way: enough."""
    assert asked(WvaV2(), loaded({"kv_used": 0.75}, {"kv_used": 0.75}, starting=1)) == 3


def test_v2_removes_whole_replicas_of_spare():
    """3 x 80,000 - 60,000 / 0.7 = 154,286: one, not two; and only after the stabilisation."""
    rule = WvaV2()
    full = loaded(*[{"kv_used": 0.75}] * 3)
    assert asked(rule, full, 0.0) == 4
    light = loaded(*[{"kv_used": 0.2}] * 3)
    assert asked(rule, light, 60.0) == 3
    assert asked(rule, light, 400.0) == 2


def test_v2_knows_compute_from_lengths():
    """I = 1,000, O = 100: N = min(2,048 x 100 / 1,100, 64) = 64, k2 = 64 x 1,050 = 67,200 < k1.

    Demand 120,000 / 0.85 = 141,176 less 134,400: one more.
    """
    two = loaded({"kv_used": 0.6}, {"kv_used": 0.6}, demand=finished(10, 1000, 100))
    assert asked(WvaV2(), two) == 3


def test_v2_learns_compute_where_it_queues():
    """At a queue of 5, tokens in use are what a replica can hold: 30,000. Demand 30,000 + 5 x 1,000.

    35,000 / 0.85 - 30,000 = 11,176: one more. Without a queue the mean of what was learnt stands.
    """
    rule = WvaV2()
    assert asked(rule, loaded({"kv_used": 0.3, "waiting": 5}, demand=finished(10, 1000, 100)), 0.0) == 2
    assert asked(rule, loaded({"kv_used": 0.27}, demand=finished(10, 1000, 100)), 60.0) == 2  # 27,000 / 0.85 > 30,000


def test_inferno_steps_by_hand():
    """T(4) = 0.02 + 4 x (1e-4 x 1,100 / 101 + 1e-7 x 1,050); with a prompt (1e-4 + 1e-7) x 1,000 more."""
    model = QueueModel(alpha=0.02, beta=1e-4, gamma=1e-7, prompt=1000, output=100, max_batch=8, max_queue=80)
    step = 0.02 + 4 * (0.00108910891 + 0.000105)
    assert model.step(4) == pytest.approx(step, rel=1e-6)
    assert model.prefill(4) == pytest.approx(step + 0.1001, rel=1e-6)
    assert model.decode(4) == pytest.approx(step + 1e-4 + 0.000105, rel=1e-6)
    assert model.service_rates()[3] == pytest.approx(4 / (model.prefill(4) + 100 * model.decode(4)))
    assert model.service_rates()[40] == model.service_rates()[7]


def test_inferno_is_the_single_server_queue_where_service_does_not_slow():
    """With a batch of one it is M/M/1: at half load the wait equals the service time."""
    model = QueueModel(alpha=0.01, beta=0.0, gamma=0.0, prompt=1, output=9, max_batch=1, max_queue=400)
    ttft, tpot = model.means(5.0)  # service 0.01 + 9 x 0.01 = 0.1 s
    assert ttft == pytest.approx(0.1 + 0.01 + 0.01)
    assert tpot == pytest.approx(0.01)
    # the wait is rho / (1 - rho) x 0.1 s: at most 0.3 s while rho is at most 0.75
    assert model.largest_rate(0.32, 1.0) == pytest.approx(7.5, rel=1e-3)
