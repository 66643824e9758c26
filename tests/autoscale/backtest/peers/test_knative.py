"""Knative's two windows and its panic."""

from __future__ import annotations

from autoscale.backtest.peers.knative import Knative
from tests.autoscale.backtest.fleets import asked
from tests.autoscale.builders import pool


def calm(rule: Knative, ongoing: int, n: int, until_s: float) -> int:
    """Show the same load every 2 s until the panic that a scaler begins in has passed, and a stable window too."""
    answer, at_s = 0, 0.0
    while at_s <= until_s:
        answer = asked(rule, pool(ready=n, running=ongoing), at_s)
        at_s += 2.0
    return answer


def test_divides_the_mean_over_a_minute_by_the_target():
    """280 open at 70 each: four."""
    assert calm(Knative(), 280, 4, 100.0) == 4


def test_begins_in_panic_at_the_present_scale():
    """A scaler without history does not shrink for a minute, and then by half at most."""
    rule = Knative()
    assert calm(rule, 0, 8, 58.0) == 8
    assert asked(rule, pool(ready=8), 60.0) == 4  # floor(8 / 2)


def test_panics_when_six_seconds_ask_for_twice_what_is_ready():
    """From 2: 700 open for 6 s ask for ten, five times what is ready; the minute's mean asks for less."""
    rule = Knative()
    calm(rule, 140, 2, 120.0)
    asked(rule, pool(ready=2, running=700), 122.0)
    asked(rule, pool(ready=2, running=700), 124.0)
    assert asked(rule, pool(ready=2, running=700), 126.0) == 10


def test_never_goes_down_in_a_panic():
    """The peak stands until a whole stable window has passed without another."""
    rule = Knative()
    calm(rule, 140, 2, 120.0)
    for at_s in (122.0, 124.0, 126.0):
        asked(rule, pool(ready=2, running=700), at_s)
    after = [asked(rule, pool(ready=10, running=140), 128.0 + 2 * index) for index in range(32)]
    assert after[0] == 10
    assert after[28] == 10  # 184 s: 58 s after the last time over
    assert after[29] == 5  # 186 s: half of the ten that are ready is the most that a decision may remove
