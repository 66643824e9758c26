"""AIBrix's two rules, with and without the number of replicas in the second."""

from __future__ import annotations

import pytest

from autoscale.backtest.peers.aibrix import Apa, Kpa
from tests.autoscale.backtest.fleets import asked, loaded


@pytest.mark.parametrize(
    ("kv", "n", "expected"),
    [
        (0.70, 4, 6),  # 1.4: ceil(5.6)
        (0.54, 4, 4),  # 1.08, inside the band
        (0.10, 8, 4),  # 0.2: ceil(1.6) = 2, but not below half
        (0.40, 5, 4),  # 0.8: ceil(4.0)
    ],
)
def test_apa_follows_the_mean_outside_its_band(kv, n, expected):
    """By the ratio to the target of 0.5."""
    assert asked(Apa(), loaded(*[{"kv_used": kv}] * n)) == expected


def test_apa_doubles_at_most():
    """2.4 times the target asks for twice as many."""
    assert asked(Apa(target=0.4), loaded(*[{"kv_used": 0.96}] * 3)) == 6


def test_apa_takes_the_mean_over_three_minutes():
    """0.2 and 0.8 are 0.5: no change."""
    rule = Apa()
    asked(rule, loaded(*[{"kv_used": 0.2}] * 4), 0.0)
    assert asked(rule, loaded(*[{"kv_used": 0.8}] * 4), 10.0) == 4


def test_down_takes_the_lowest_answer_of_five_minutes():
    """Where the HPA would take the highest: what 0.1 of the target asked for still stands when more is in use."""
    rule = Apa(window_s=1.0)
    assert asked(rule, loaded(*[{"kv_used": 0.05}] * 8), 0.0) == 4
    assert asked(rule, loaded(*[{"kv_used": 0.40}] * 8), 10.0) == 4  # 0.8 asks for 7, ten seconds ago it was 4


def test_kpa_as_written_forgets_how_many_replicas_there_are():
    """The mean of replicas 0.75 over 0.5 is 1.5: 2, clamped to half of 8; restored it is 12."""
    eight = loaded(*[{"kv_used": 0.75}] * 8)
    assert asked(Kpa(), eight) == 4
    assert asked(Kpa(restored=True), eight) == 12


def test_kpa_panics_on_the_last_minute():
    """0.1 for two minutes, then 0.9 in the last: mean of 180 s 0.37, of 60 s 0.9, more than twice as much."""
    rule = Kpa(restored=True)
    for at_s in range(0, 130, 10):
        asked(rule, loaded(*[{"kv_used": 0.1}] * 4), float(at_s))
    for at_s in range(130, 160, 10):
        rule.see(loaded(*[{"kv_used": 0.9}] * 4), float(at_s))
    # 13 samples of 0.1 and 3 of 0.9: 0.25 in all; of the last 60 s (100 s, 120 s] 2 of 0.1 and 3 of 0.9: 0.58
    assert rule.size(loaded(*[{"kv_used": 0.9}] * 4), 160.0).replicas == 5  # ceil(4 x 0.58 / 0.5)
