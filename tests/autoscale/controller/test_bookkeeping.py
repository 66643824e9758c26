"""What everybody tells of cost is priced and written down once, and asked for again where it could not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscale.controller.bookkeeping import Bookkeeping, BookSettings
from deployments.cost.book import entries
from deployments.cost.lines import HOUR_S, Statement, Sums
from deployments.cost.spending import Spending
from deployments.tenancy.stores.away import StoreAwayError

NOW_S = 400_000 * HOUR_S + 60.0
POOLS = {"dense": {"gpus": 2.0, "cpus": 8.0, "cost_per_hour": 36.0}, "moe": {"cpus": 4.0}}


def told() -> Statement:
    spending = Spending("dense#1", wall=lambda: NOW_S)
    spending.add("used", "dense", Sums(calls=1, seconds=10.0), model="dense", tenant="a")
    spending.add("idle", "moe", Sums(seconds=5.0))
    spending.add(
        "listed", "cloud", Sums(calls=1, prompt_tokens=7, amount=0.5), model="cloud", tenant="a", currency="eur"
    )
    return spending.statement()


def settings(path: Path, **more: object) -> BookSettings:
    return BookSettings.model_validate({"file": str(path), "keep_hours": 24, "currency": "usd", "pools": POOLS, **more})


async def test_seconds_become_devices_and_money(tmp_path: Path) -> None:
    """By what a replica of the pool takes and costs now; what tokens were sold for stays as it was told."""
    books = Bookkeeping(lambda: NOW_S)
    books.configure(settings(tmp_path / "costs.sqlite"))
    statement = told()
    assert await books.write(statement) == statement.number
    assert await books.write(statement) == statement.number
    found = {
        entry.key.pool: (entry.gpu_seconds, entry.cpu_seconds, entry.sums.amount, entry.key.currency)
        for entry in entries(tmp_path / "costs.sqlite", 0, 10**6)
    }
    assert found == {
        "dense": (20.0, 80.0, pytest.approx(0.1), "usd"), "moe": (0.0, 20.0, 0.0, ""), "cloud": (0.0, 0.0, 0.5, "eur"),
    }  # fmt: skip


async def test_what_cannot_be_written_is_refused_and_told_of(tmp_path: Path) -> None:
    """Until it can be again; nobody has lost anything meanwhile."""
    books = Bookkeeping(lambda: NOW_S)
    with pytest.raises(StoreAwayError):
        await books.write(told())
    books.configure(settings(tmp_path / "nowhere" / "deep" / "costs.sqlite"))
    with pytest.raises(StoreAwayError):
        await books.write(told())
    assert "costs.sqlite" in books.fault
    books.configure(settings(tmp_path / "costs.sqlite"))
    await books.write(told())
    assert books.fault == ""
    await books.prune()
    assert len(list(entries(tmp_path / "costs.sqlite", 0, 10**6))) == 3


@pytest.mark.parametrize("pruned", [False, True])
async def test_what_is_told_again_to_another_file_is_written_once(tmp_path: Path, *, pruned: bool) -> None:
    """The answer to a statement was lost, and the file changed before it came again."""
    books, spending = Bookkeeping(lambda: NOW_S), Spending("dense#1", wall=lambda: NOW_S)
    books.configure(settings(tmp_path / "before.sqlite"))
    spending.add("used", "dense", Sums(seconds=10.0), model="dense", tenant="a")
    first = spending.statement()
    await books.write(first)
    books.configure(settings(tmp_path / "after.sqlite"))
    if pruned:
        await books.prune()
    assert await books.write(first) == first.number
    spending.acknowledged(first.number)
    spending.add("used", "dense", Sums(seconds=2.0), model="dense", tenant="a")
    await books.write(spending.statement())
    kept = [
        [one.sums.seconds for one in entries(tmp_path / f"{name}.sqlite", 0, 10**6)] for name in ("before", "after")
    ]
    assert kept == [[10.0], [2.0]]


async def test_sums_are_kept_for_as_long_as_was_said(tmp_path: Path) -> None:
    """Whole hours, counted back from now."""
    clock = [NOW_S]
    books = Bookkeeping(lambda: clock[0])
    books.configure(settings(tmp_path / "costs.sqlite"))
    await books.write(told())
    for hours, left in ((24, 3), (25, 0)):
        clock[0] = NOW_S + hours * HOUR_S
        await books.prune()
        assert len(list(entries(tmp_path / "costs.sqlite", 0, 10**6))) == left


async def test_a_pool_that_went_away_costs_what_it_did(tmp_path: Path) -> None:
    """Its last seconds are told when it is no part of the settings any more."""
    books = Bookkeeping(lambda: NOW_S)
    books.configure(settings(tmp_path / "costs.sqlite"))
    books.configure(settings(tmp_path / "costs.sqlite", pools={"moe": POOLS["moe"]}))
    await books.write(told())
    found = {entry.key.pool: entry.gpu_seconds for entry in entries(tmp_path / "costs.sqlite", 0, 10**6)}
    assert found["dense"] == 20.0
