"""Grouping and spreading move seconds about; they make and lose none."""

from __future__ import annotations

import random

import pytest

from deployments.cost.book import Entry
from deployments.cost.lines import Key, Kind, Sums
from deployments.cost.spread import NOBODY, SHADOW, totals


def entry(
    kind: Kind, seconds: float, *, hour: int = 0, pool: str = "dense", tenant: str = "", model: str = "", **more: str
) -> Entry:
    key = Key(hour, kind, pool, model, tenant, more.get("currency", ""))
    return Entry(key=key, sums=Sums(seconds=seconds, amount=2 * seconds), cpu_seconds=4 * seconds)


def test_idle_time_is_its_users_of_the_same_hour() -> None:
    """By their seconds; the start of a replica is as idle, and a shadow uses a pool as a tenant does."""
    kept = [
        entry("used", 30, tenant="a", model="dense"), entry("used", 10, tenant="b", model="dense"),
        entry("idle", 20), entry("start", 4), entry("shadow", 8, hour=1, model="dense"), entry("idle", 2, hour=1),
    ]  # fmt: skip
    found = {group: (total.seconds, total.idle_cpu_seconds) for group, total in totals(kept, ("tenant",)).items()}
    assert found == {("a",): (48.0, 72.0), ("b",): (16.0, 24.0), (SHADOW,): (10.0, 8.0)}


def test_an_hour_without_users_is_those_of_other_hours() -> None:
    """And what nobody used at all stays apart."""
    kept = [
        entry("used", 3, tenant="a", model="dense"), entry("used", 1, tenant="b", model="dense"),
        entry("idle", 8, hour=5), entry("idle", 7, pool="moe"),
    ]  # fmt: skip
    found = {group: total.seconds for group, total in totals(kept, ("tenant", "pool")).items()}
    assert found == {("a", "dense"): 9.0, (NOBODY, "moe"): 7.0, ("b", "dense"): 3.0}


def test_idle_time_can_stay_apart_or_be_left_out() -> None:
    """As it is asked."""
    kept = [entry("used", 3, tenant="a"), entry("idle", 8)]
    assert {group: total.seconds for group, total in totals(kept, ("tenant",), "apart").items()} == {
        (NOBODY,): 8.0,
        ("a",): 3.0,
    }
    assert {group: total.seconds for group, total in totals(kept, ("tenant",), "without").items()} == {("a",): 3.0}


def test_money_is_kept_by_currency_and_by_what_it_is_for() -> None:
    """What machines cost is one thing, what tokens are sold for another."""
    kept = [entry("used", 3, tenant="a", currency="usd"), entry("listed", 0.5, tenant="a", currency="eur")]
    (total,) = totals(kept, ("tenant",)).values()
    assert (total.machines, total.listed, total.seconds) == ({"usd": 6.0}, {"eur": 1.0}, 3.0)


@pytest.mark.parametrize("seed", range(20))
def test_no_second_is_lost(seed: int) -> None:
    """However it is grouped, and whatever becomes of idle time unless it is left out."""
    draw = random.Random(seed)
    kinds: list[Kind] = ["used", "shadow", "idle", "start"]
    kept = [
        entry(
            draw.choice(kinds), draw.uniform(0, 100), hour=draw.randrange(5), pool=draw.choice("xyz"),
            tenant=draw.choice("abc"), model=draw.choice("mn"), currency="usd",
        )
        for _ in range(40)
    ]  # fmt: skip
    whole = sum(one.sums.seconds for one in kept)
    for by in (("tenant",), ("model", "tenant"), ("hour", "pool"), ("day", "tenant", "model")):
        for idle in ("spread", "apart"):
            found = totals(kept, by, idle).values()  # type: ignore[arg-type]
            assert sum(total.seconds for total in found) == pytest.approx(whole)
            assert sum(total.machines["usd"] for total in found) == pytest.approx(2 * whole)
