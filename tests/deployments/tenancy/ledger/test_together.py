"""Steps that wait at the same moment share what is read and written, and come to what they come to one by one."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.tenancy.ledger.lines import Granted, Line, Quota, Rate, Refused, Settled, Statement
from deployments.tenancy.ledger.sqlite import SCHEMA, SqliteLedger
from deployments.tenancy.stores.away import StoreAwayError
from deployments.tenancy.stores.sqlite_file import SqliteFile

NOW = 1_800_000_000_000_000
HOLDS = st.sampled_from([f"hold {n}" for n in range(6)])
AMOUNT = st.integers(0, 9)
QUOTA = st.builds(
    lambda account, amount, sunk: Quota(account=account, amount=amount, sunk=min(sunk, amount), limit=20),
    st.sampled_from(["a", "b"]), AMOUNT, AMOUNT,
)  # fmt: skip
RATE = st.builds(lambda amount: Rate(account="r", amount=amount, per_minute=60, burst=12), AMOUNT)
LINES = st.lists(QUOTA | RATE, max_size=3, unique_by=lambda line: line.account)
# Leases that end within a few steps, so that holds lapse and are forgotten in the midst of them.
TAKE = st.tuples(st.sampled_from(["reserve", "extend"]), HOLDS, LINES, st.sampled_from([1, 3_000_000, 60_000_000]))
SETTLE = st.tuples(st.just("settle"), HOLDS, st.dictionaries(st.sampled_from(["a", "b", "r"]), AMOUNT))
LATER = st.sampled_from([0, 0, 0, 0, 0, 1_000_000, 61_000_000, 700_000_000, 90_000_000_000])
TABLES = {
    "quota": "SELECT * FROM quota ORDER BY 1",
    "rate": "SELECT * FROM rate ORDER BY 1",
    "hold": "SELECT * FROM hold ORDER BY 1",
}


async def done(path: Path, steps: Sequence[tuple[Any, ...]], times: Sequence[int], *, together: bool) -> Any:
    """Return what came of all steps, and what the file holds then."""
    file = SqliteFile(path, SCHEMA, within_s=30)
    ledger = SqliteLedger(file)

    def step(name: str, hold: str, what: Any, now_us: int, *lease: int) -> Any:
        return getattr(ledger, name)(hold, what, now_us, *lease)

    calls = [step(*one[:3], now_us, *one[3:]) for one, now_us in zip(steps, times, strict=True)]
    came = await asyncio.gather(*calls) if together else [await call for call in calls]
    held = await file.run(lambda rows: {name: rows.execute(query).fetchall() for name, query in TABLES.items()})
    await file.close()
    return came, held


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TAKE | SETTLE, LATER), min_size=1, max_size=40))
def test_together_they_come_to_what_they_come_to_one_by_one(steps: list[tuple[tuple[Any, ...], int]]) -> None:
    """Every answer, every account, and every hold, with leases that end on the way."""
    times, now_us = [], NOW
    for _, later_us in steps:
        times.append(now_us := now_us + later_us)
    with tempfile.TemporaryDirectory() as folder:
        told = [step for step, _ in steps]
        one_by_one = asyncio.run(done(Path(folder) / "1", told, times, together=False))
        together = asyncio.run(done(Path(folder) / "2", told, times, together=True))
    assert together[0] == one_by_one[0]
    assert together[1]["hold"] == one_by_one[1]["hold"]
    # Buckets that have run empty are as good as none, and are deleted now and then.
    assert together[1]["quota"] == one_by_one[1]["quota"]
    assert [row for row in together[1]["rate"] if row[1] > now_us] == [
        row for row in one_by_one[1]["rate"] if row[1] > now_us
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TAKE | SETTLE, LATER, st.integers(0, 2)), min_size=1, max_size=40))
def test_whoever_else_writes_to_the_file_is_heard(steps: list[tuple[tuple[Any, ...], int, int]]) -> None:
    """By another connection, or by this one: what a ledger has read is good for as long as nobody does."""

    async def run(folder: Path, ledgers: int) -> Any:
        files = [SqliteFile(folder / "ledger.sqlite", SCHEMA, within_s=30) for _ in range(min(ledgers, 2))]
        many = [SqliteLedger(files[at % len(files)]) for at in range(ledgers)]
        came, now_us = [], NOW
        for (name, hold, what, *lease), later_us, at in steps:
            now_us += later_us
            came.append(await getattr(many[at % ledgers], name)(hold, what, now_us, *lease))
        came.append([await many[0].statement(account, now_us) for account in ("a", "b")])
        for file in files:
            await file.close()
        return came

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as several:
        assert asyncio.run(run(Path(several), 3)) == asyncio.run(run(Path(one), 1))


async def test_what_was_rolled_back_is_not_believed(tmp_path: Path) -> None:
    """A disk that is full at the last moment takes back what the thread had written."""
    file = SqliteFile(tmp_path / "ledger.sqlite", SCHEMA, within_s=30)
    ledger = SqliteLedger(file)
    line = [Quota(account="a", amount=6, limit=10)]
    assert isinstance(await ledger.reserve("first", line, NOW, 60_000_000), Granted)

    def full(rows: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    # One transaction: the hold is settled first, then it fails as a whole, and each is tried alone.
    settled, failed = await asyncio.gather(
        ledger.settle("first", {"a": 5}, NOW), file.run(full), return_exceptions=True
    )  # fmt: skip
    assert settled == Settled()
    assert isinstance(failed, StoreAwayError)
    assert await ledger.statement("a", NOW) == Statement(settled=5)
    assert isinstance(await ledger.reserve("second", line, NOW, 60_000_000), Refused)
    await file.close()


async def test_gateways_beside_each_other_overdraw_nothing(tmp_path: Path) -> None:
    """What one has read is not what the file holds once another has written."""
    files = [SqliteFile(tmp_path / "ledger.sqlite", SCHEMA, within_s=30) for _ in range(2)]
    ledgers = [SqliteLedger(files[0]), SqliteLedger(files[1]), SqliteLedger(files[0])]
    line = [Quota(account="a", amount=6, limit=20)]
    taken = [await ledgers[at % 3].reserve(f"{at}", line, NOW, 60_000_000) for at in range(6)]
    assert [type(one) for one in taken] == [Granted, Granted, Granted, Refused, Refused, Refused]
    assert (await ledgers[1].statement("a", NOW)).reserved == 18
    for file in files:
        await file.close()


async def test_steps_that_wait_together_are_read_and_written_as_one(tmp_path: Path) -> None:
    """Statements are what a busy interpreter makes expensive: each gives its lock away."""
    file = SqliteFile(tmp_path / "ledger.sqlite", SCHEMA, within_s=30)
    ledger, said = SqliteLedger(file), list[str]()
    await file.run(lambda rows: rows.set_trace_callback(said.append))
    lines: list[Line] = [Quota(account="a", amount=1, limit=100), Rate(account="r", amount=1, per_minute=60, burst=60)]
    said.clear()
    # A turn of the loop that is not too long for the thread to wait for its end.
    granted = await asyncio.gather(*(ledger.reserve(f"{n}", lines, NOW, 60_000_000) for n in range(15)))
    assert all(isinstance(one, Granted) for one in granted)
    assert sum(one.startswith("SELECT") for one in said) <= 4
    assert sum(one.startswith("BEGIN") for one in said) == 1
    said.clear()
    await asyncio.gather(*(ledger.settle(f"{n}", {"a": 1, "r": 1}, NOW) for n in range(15)))
    # What the thread has written itself it need not read again, but for what is due.
    assert sum(one.startswith("SELECT") and "due_us" not in one for one in said) == 0
    await file.close()


async def test_a_step_that_fails_leaves_those_beside_it(tmp_path: Path) -> None:
    """Each is tried again by itself."""
    file = SqliteFile(tmp_path / "ledger.sqlite", SCHEMA, within_s=30)
    ledger = SqliteLedger(file)
    twice = [Quota(account="a", amount=1, limit=9)] * 2
    wrong, right = await asyncio.gather(
        ledger.reserve("wrong", twice, NOW, 60_000_000),
        ledger.reserve("right", twice[:1], NOW, 60_000_000),
        return_exceptions=True,
    )
    assert isinstance(wrong, ValueError)
    assert isinstance(right, Granted)
    assert (await ledger.statement("a", NOW)).reserved == 1
    await file.close()
