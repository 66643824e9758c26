"""Sizes set by hand: within bounds, for a while, and told."""

from __future__ import annotations

import json

import pytest

from autoscale.controller.pins import LONGEST_S, Pin, Pins
from tests.autoscale.builders import NOW_S, Scripted, fleet, pool


def pin(replicas: int = 3, *, for_s: float = 60.0, why: str = "load test") -> Pin:
    return Pin(replicas=replicas, set_s=NOW_S, until_s=NOW_S + for_s, why=why)


def test_a_pin_replaces_the_decision_and_tells_it() -> None:
    """With the time that is left, the reason, and what the policy wanted."""
    pins, seen = Pins(), fleet(dense=pool(ready=1), moe=pool(ready=1))
    assert pins.pin("dense", 1, 4, pin()) == ""
    told = pins.over(seen, Scripted([1]).decide(seen)).pools
    assert (told["dense"].replicas, told["dense"].binds) == (3, "pin")
    assert told["dense"].reason == "pinned to 3 for another 60s: load test"
    assert told["dense"].rejected == ("1: scripted",)
    assert told["moe"].reason == "scripted"


def test_bounds_that_changed_later_hold_over_a_pin() -> None:
    """And the reason says so."""
    pins, seen = Pins(), fleet(dense=pool(ready=1, max_replicas=2))
    pins.pin("dense", 1, 4, pin())
    told = pins.over(seen, Scripted([1]).decide(seen)).pools["dense"]
    assert told.replicas == 2
    assert "bounds make it 2" in told.reason


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (pin(9), "1 to 4 replicas, not 9"),
        (pin(for_s=0), "more than nothing"),
        (pin(for_s=float("nan")), "more than nothing"),
        (pin(for_s=2 * LONGEST_S), "30 days at most"),
        (pin(why="  "), "needs a reason"),
        (pin(why="x" * 501), "500 characters"),
    ],
)
def test_a_pin_that_makes_no_sense_is_refused(wrong: Pin, told: str) -> None:
    """With the way out, and nothing is pinned."""
    pins = Pins()
    assert told in pins.pin("dense", 1, 4, wrong)
    assert pins.of("dense") is None


def test_pins_end_by_time_by_hand_and_with_their_pool() -> None:
    """An end is told once."""
    pins = Pins()
    for name in ("a", "b", "c"):
        pins.pin(name, 1, 4, pin(for_s=60 if name == "a" else 600))
    assert pins.expire(NOW_S + 59) == {}
    assert set(pins.expire(NOW_S + 60)) == {"a"}
    assert pins.unpin("b") == ""
    assert pins.unpin("b") == "b is not pinned"
    pins.keep_only(["a"])
    assert pins.plain() == {}


def test_pins_outlive_their_process() -> None:
    """As plain JSON."""
    pins, later = Pins(), Pins()
    pins.pin("dense", 1, 4, pin())
    later.take(json.loads(json.dumps(pins.plain())))
    assert later.of("dense") == pin()
