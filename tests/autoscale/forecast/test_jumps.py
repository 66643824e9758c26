"""A jump is not noise: no headroom is bought for the next one, until jumps are what the series is made of."""

from __future__ import annotations

import math
import random

from autoscale.forecast.errors import Errors
from autoscale.forecast.forecaster import Forecaster

GAP_S, AHEAD_S = 5.0, 200.0


def calm() -> Errors:
    """Return the errors of a day of noise."""
    chance, errors = random.Random(2), Errors()
    for _ in range(17_280):
        errors.see(chance.gauss(0.0, 0.08), errors.scale, GAP_S)
    return errors


def test_one_jump_hardly_widens_what_is_planned_for() -> None:
    """Four times as much, which no forecast of the last minutes knew of."""
    errors = calm()
    scale, tail = errors.scale, errors.quantile(0.001)
    for _ in range(round(AHEAD_S / GAP_S)):
        errors.see(math.log(4.0), errors.scale, GAP_S)
    assert errors.scale < 1.7 * scale
    assert errors.quantile(0.001) <= tail


def test_what_jumps_all_the_time_is_noise_after_all() -> None:
    """Within two hours the scale has reached jumps that do not end."""
    errors = calm()
    for at in range(1440):
        errors.see(math.log(4.0) * (-1) ** at, errors.scale, GAP_S)
    assert errors.scale > 0.45


def test_a_forecaster_says_when_its_series_last_jumped() -> None:
    """As soon as the value is above what was forecast for now; a drop is none."""
    chance, forecaster = random.Random(3), Forecaster(0.1)
    for at in range(2_000):
        forecaster.see(at * GAP_S, 10.0 * math.exp(chance.gauss(0.0, 0.1)), GAP_S, AHEAD_S)
    for at in range(2_000, 2_100):
        forecaster.see(at * GAP_S, 2.0, GAP_S, AHEAD_S)
    assert forecaster.jumped_s == -math.inf
    for at in range(2_100, 2_140):
        forecaster.see(at * GAP_S, 20.0, GAP_S, AHEAD_S)
    assert 2_100 * GAP_S < forecaster.jumped_s < 2_140 * GAP_S
