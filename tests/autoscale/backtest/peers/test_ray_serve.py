"""Ray Serve's rule: means, delays that begin anew, zero."""

from __future__ import annotations

from autoscale.backtest.peers.ray_serve import RayServe
from autoscale.fleet import PoolFleet
from tests.autoscale.backtest.fleets import asked
from tests.autoscale.builders import pool


def busy(ongoing: int, n: int = 2) -> PoolFleet:
    return pool(ready=n, running=ongoing, min_replicas=1)


def test_goes_up_after_thirty_seconds_in_one_direction():
    """Ten ongoing at two each want five."""
    rule = RayServe()
    answers = [asked(rule, busy(10), at_s) for at_s in (0.0, 10.0, 20.0, 30.0)]
    assert answers == [2, 2, 2, 5]


def test_a_break_starts_the_delay_anew():
    """One tick without a wish to change undoes the wait; the mean over 30 s is what wishes."""
    rule = RayServe(look_back_s=1.0)
    ongoing = {0.0: 10, 20.0: 4, 30.0: 10, 50.0: 10, 60.0: 10}
    assert [asked(rule, busy(many), at_s) for at_s, many in ongoing.items()] == [2, 2, 2, 2, 5]


def test_goes_down_after_ten_minutes():
    """Two ongoing want one."""
    rule = RayServe(look_back_s=1.0)
    assert [asked(rule, busy(2, n=4), at_s) for at_s in (0.0, 599.0, 600.0)] == [4, 4, 1]


def test_averages_over_the_look_back():
    """0 and 12 ongoing in 30 s are 6: three replicas."""
    rule = RayServe(upscale_delay_s=0.0)
    asked(rule, busy(0), 0.0)
    assert asked(rule, busy(12), 10.0) == 3


def test_leaves_zero_at_once():
    """From no replica the first request asks for one."""
    assert asked(RayServe(), pool(ready=0, target=0, demand=None)) == 0
    held = pool(ready=0, target=0)
    held = type(held)(
        **{**{name: getattr(held, name) for name in held.__slots__}, "demand": type(held.demand)(in_flight=3)}
    )
    assert asked(RayServe(), held) == 1


def test_a_factor_that_rounds_a_step_down_away_still_steps():
    """Two thirds of the way from 2 towards 1 would round back up to 2."""
    rule = RayServe(factor=0.5, downscale_delay_s=0.0, look_back_s=1.0)
    assert asked(rule, busy(2, n=2)) == 1
