"""The forecaster on series whose course is known."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscale.forecast.errors import Errors
from autoscale.forecast.forecaster import Forecast, Forecaster
from autoscale.forecast.level import Level
from autoscale.forecast.season import DAY_S, Season

MINUTE_S = 60.0


def follow(
    made: Forecaster, values: list[float], gap_s: float = 30.0, ahead_s: float = 300.0, at_s: float = 0.0
) -> Forecast:
    """Show values one after the other, and return the last forecast."""
    for value in values:
        at_s += gap_s
        last = made.see(at_s, value, gap_s, ahead_s)
    return last


def test_a_level_ignores_rattling_and_follows_a_move() -> None:
    """Noise of 3 % moves it by less than 3 %; of a jump of 50 % seven tenths are followed within three minutes."""
    chance, level = random.Random(0), Level()
    seen = [level.see(math.log(100) + chance.gauss(0, 0.03), 5.0) for _ in range(2000)]
    assert max(seen[-1000:]) - min(seen[-1000:]) < 0.03
    for _ in range(36):
        last = level.see(math.log(150) + chance.gauss(0, 0.03), 5.0)
    assert last == pytest.approx(math.log(150), abs=0.12)


def test_a_level_does_not_lag_behind_a_steady_rise() -> None:
    """Half as much again every hour, with noise of 5 %: a mean of its memory would be an eighth too low."""
    chance, level, offs = random.Random(4), Level(), []
    for at in range(2880):
        truth = 0.5 * max(0.0, at * 5.0 - 3600.0) / 3600.0
        told = level.see(truth + chance.gauss(0, 0.05), 5.0)
        offs.append(told - truth)
    late = offs[-720:]
    assert abs(sum(late) / len(late)) < 0.02


def test_noise_shorter_than_a_minute_is_no_error_of_a_forecast() -> None:
    """A rate that is a tenth more and less in turns of twenty seconds is a steady one to whoever waits a minute."""
    made = Forecaster(0.1)
    told = follow(made, [100.0 * (1 + 0.1 * (-1) ** (at // 4)) for at in range(20_000)], gap_s=5.0)
    assert told.scale < 0.02


def test_a_level_that_an_earlier_version_kept_is_refused() -> None:
    """It knew no line."""
    kept = Level().plain()
    del kept["slower"]
    with pytest.raises(KeyError):
        Level.of(kept)


def test_a_season_is_known_once_it_has_been_seen() -> None:
    """Nothing on the first day; on the second the way from 6 h to 6 h 30 is what it was on the first."""
    season = Season(DAY_S)

    def course(at_s: float) -> float:
        return math.sin(2 * math.pi * at_s / DAY_S)

    for minute in range(6 * 60):
        season.see(minute * MINUTE_S, course(minute * MINUTE_S))
    assert season.change(6 * 3600.0, 1800.0) is None
    for minute in range(6 * 60, 30 * 60):
        season.see(minute * MINUTE_S, course(minute * MINUTE_S))
    expected = course(6.5 * 3600.0) - course(6 * 3600.0)
    assert season.change(30 * 3600.0, 1800.0) == pytest.approx(expected, abs=0.01)


def test_the_season_counts_only_where_it_beats_the_level() -> None:
    """After four equal days the forecast leads by the season; on a flat series with noise nothing is gained by it."""
    made = Forecaster(1.0)
    days = [100 * (1.5 + math.sin(2 * math.pi * at / 2880)) for at in range(4 * 2880)]
    told = follow(made, days, ahead_s=1800.0)
    assert told.weights["day"] > 3 * told.weights["level"]
    truth = 100 * (1.5 + math.sin(2 * math.pi * 60 / 2880))
    assert made.value(told.middle) == pytest.approx(truth, rel=0.05)


def test_quantiles_of_errors_are_those_that_were_seen() -> None:
    """A normal error exceeds 1.64 scales one time in twenty; before anything was seen the tail is a heavy one."""
    chance, errors = random.Random(1), Errors()
    assert errors.quantile(0.05) == pytest.approx(math.log(10) / 1.7, abs=0.02)
    for _ in range(40_000):
        errors.see(chance.gauss(0, 0.1), 0.1, 30.0)
    assert errors.quantile(0.05) == pytest.approx(1.645, abs=0.08)
    assert errors.scale == pytest.approx(0.1, rel=0.1)


def test_a_spell_of_noise_widens_the_scale_and_passes() -> None:
    """Three hours of errors four times the usual one double the scale; two days later most of that is gone."""
    errors = Errors()
    for error_s, error in ((86_400, 0.05), (3 * 3600, 0.2)):
        before = errors.scale
        for _ in range(error_s // 30):
            errors.see(error, 0.1, 30.0)
    wide = errors.scale
    for _ in range(5760):
        errors.see(0.05, 0.1, 30.0)
    assert wide > 2 * before
    assert errors.scale < 0.7 * wide


@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.floats(0, 1000), min_size=2, max_size=60), floor=st.floats(0.1, 10))
def test_what_was_learnt_survives_as_json(values: list[float], floor: float) -> None:
    """A second forecaster that takes it up forecasts the same from then on, up to errors not yet judged."""
    made = Forecaster(floor)
    follow(made, values, ahead_s=1e9)
    other = Forecaster.of(json.loads(json.dumps(made.plain())))
    at_s = len(values) * 30.0 + 30.0
    assert other.see(at_s, 5.0, 30.0, 300.0).scale == pytest.approx(made.see(at_s, 5.0, 30.0, 300.0).scale)


def test_nothing_at_all_is_forecast_as_nothing() -> None:
    """An idle series has a finite logarithm, and errors next to nothing."""
    made = Forecaster(1.0)
    told = follow(made, [0.0] * 500)
    assert made.value(told.middle) == pytest.approx(0.0, abs=1e-9)
    assert math.isfinite(told.scale)
