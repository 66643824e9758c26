"""Steps that wait at the same moment share what is read and written, and come to what they come to one by one."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.tenancy.ledger.lines import Granted, Line, Quota, Rate
from deployments.tenancy.ledger.sqlite import SCHEMA, SqliteLedger
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
LATER = st.sampled_from([0, 1_000_000, 61_000_000, 700_000_000, 90_000_000_000])
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
