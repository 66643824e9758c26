"""Orders to forget answers: what every gateway still has to hear, and who has done it."""

from __future__ import annotations

import json
from itertools import count

import pytest

from autoscale.controller import forgettings
from autoscale.controller.forgettings import Forgettings, progress
from autoscale.heard import Heard
from deployments.answers.kept import MOST_S
from deployments.signals import GatewaySignals


def test_a_gateway_is_told_what_is_later_than_what_it_has_done() -> None:
    """The earliest first; the same name again is another order, which takes the earlier one's place."""
    held = Forgettings(serials=count(10, 10).__next__)
    first, second, again = held.order("model", "dense"), held.order("tag", "a"), held.order("model", "dense")
    assert first.number < second.number < again.number
    assert held.after(0) == held.after(first.number) == (second, again)
    assert held.after(second.number) == (again,)
    assert held.after(again.number) == ()


def test_no_number_comes_twice_although_the_clock_goes_back() -> None:
    """Whoever has done the later order would not do the next one."""
    times = iter((50, 20, 20))
    held = Forgettings(serials=lambda: next(times))
    numbers = [held.order("tenant", name).number for name in ("a", "b", "c")]
    assert numbers == sorted(set(numbers))


def test_orders_outlive_a_restart() -> None:
    """As they were, and numbers go on."""
    held, later = Forgettings(), Forgettings(serials=lambda: 0)
    orders = held.order("tenant", "acme"), held.order("tag", "t1")
    later.take(json.loads(json.dumps(held.plain())))
    assert later.after(0) == orders
    assert later.order("tag", "t2").number > orders[-1].number
    later.take({})
    assert later.after(0) == ()


def test_orders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their count and by how long an answer can be kept; the oldest leave."""
    monkeypatch.setattr(forgettings, "MOST_ORDERS", 3)
    held = Forgettings()
    orders = [held.order("tag", f"t{at}") for at in range(5)]
    assert held.after(0) == tuple(orders[-3:])
    later = Forgettings(serials=lambda: orders[-1].number + int((MOST_S + 1) * 1e9))
    later.take(held.plain())
    last = later.order("tag", "new")
    assert later.after(0) == (last,)


def test_progress_is_by_each_gateways_last_word() -> None:
    """One that has said nothing yet is waited for."""
    said = {"a": 7, "b": 6, "c": 0}
    heard = {
        name: Heard(at_s=0.0, signals=GatewaySignals(gateway=name, at_s=0.0, pools={}, forgotten=number))
        for name, number in said.items()
    }
    found = progress(6, heard)
    assert (found.done, found.waiting, found.everywhere) == (("a", "b"), ("c",), False)
    assert progress(0, heard).everywhere
    assert not progress(0, {}).everywhere, "a controller that has just begun has heard of nobody"
