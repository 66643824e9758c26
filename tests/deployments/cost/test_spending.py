"""What is told of cost comes to the book once, whatever is lost on the way."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.cost import book as books
from deployments.cost.book import Book, BookError, Entry, entries
from deployments.cost.lines import HOUR_S, OTHERS, Statement, Sums
from deployments.cost.spending import Spending
from deployments.tenancy.stores.away import StoreAwayError

HOUR = 400_000
NOON_S = HOUR * HOUR_S + 1800.0


def spending(source: str = "one", **more: int) -> Spending:
    return Spending(source, wall=lambda: NOON_S, **more)


def entries_of(statement: Statement) -> list[Entry]:
    return [Entry(key=key, sums=sums, cpu_seconds=2 * sums.seconds) for key, sums in statement.lines]


def kept(path: Path) -> dict[tuple[str, str], float]:
    return {(entry.key.kind, entry.key.tenant): entry.sums.seconds for entry in entries(path, 0, 2 * HOUR)}


def test_a_statement_is_told_until_it_is_acknowledged() -> None:
    """What comes together meanwhile is in the next one; an old acknowledgement is nothing."""
    told = spending()
    assert told.statement().number == 0
    told.add("used", "dense", Sums(seconds=1.0), tenant="a")
    first = told.statement()
    told.add("used", "dense", Sums(seconds=2.0), tenant="a")
    assert told.statement() is first
    assert first.lines[0][1].seconds == 1.0
    told.acknowledged(first.number)
    second = told.statement()
    assert (second.number, second.lines[0][1].seconds) == (first.number + 1, 2.0)
    told.acknowledged(first.number)
    assert told.statement() is second
    told.acknowledged(second.number)
    assert told.told


def test_more_tenants_than_there_is_room_for_are_others() -> None:
    """Their seconds are kept, under one name."""
    told = spending(most=10)
    for at in range(100):
        told.add("used", "dense", Sums(seconds=1.0), tenant=f"t{at}")
    lines = {key.tenant: sums.seconds for key, sums in told.statement().lines}
    assert (len(lines), lines[OTHERS], sum(lines.values())) == (11, 90.0, 100.0)


async def test_a_statement_is_written_once(tmp_path: Path) -> None:
    """Told again it adds nothing; another process's with the same number does."""
    book, path = Book(tmp_path / "costs.sqlite"), tmp_path / "costs.sqlite"
    statements = []
    for source in ("one", "two"):
        told = spending(source)
        told.add("used", "dense", Sums(calls=1, seconds=1.5), model="dense", tenant="a")
        statements.append(told.statement())
    written = [await book.write(one, entries_of(one), HOUR) for one in (*statements, *statements)]
    assert written == [True, True, False, False]
    (entry,) = entries(path, HOUR, HOUR + 1)
    assert (entry.sums.calls, entry.sums.seconds, entry.cpu_seconds) == (2, 3.0, 6.0)
    assert list(entries(path, HOUR + 1, HOUR + 2)) == []
    await book.prune(HOUR + 1, HOUR + 1)
    assert list(entries(path, 0, 2 * HOUR)) == []
    await book.close()


async def test_names_of_tenants_are_bounded_in_the_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over several statements and a book that is opened again."""
    monkeypatch.setattr(books, "MOST_TENANTS", 5)
    for source in ("one", "two"):
        told = spending(source)
        for at in range(20):
            told.add("used", "dense", Sums(seconds=1.0), tenant=f"{source}{at}")
        book = Book(tmp_path / "costs.sqlite")
        await book.write(told.statement(), entries_of(told.statement()), HOUR)
        await book.close()
    found = kept(tmp_path / "costs.sqlite")
    assert (len(found), sum(found.values())) == (6, 40.0)


async def test_a_book_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """Whoever told it knows that it has to be told again."""
    told = spending()
    told.add("idle", "dense", Sums(seconds=1.0))
    book = Book(tmp_path / "nowhere" / "deep" / "costs.sqlite", within_s=0.5)
    with pytest.raises(StoreAwayError):
        await book.write(told.statement(), entries_of(told.statement()), HOUR)
    await book.close()
    with pytest.raises(BookError, match="there is no such file"):
        list(entries(tmp_path / "none.sqlite", 0, 1))
    (tmp_path / "other").write_text("no database, but long enough to be read as one" * 100)
    with pytest.raises(BookError, match="cannot be read"):
        list(entries(tmp_path / "other", 0, 1))


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from deployments.cost.book import Book, Entry
from deployments.cost.lines import Key, Statement, Sums

async def run():
    book = Book(Path(sys.argv[1]))
    for number in range(1, 10_000):
        key = Key(400_000, "used", "dense", "dense", "a")
        statement = Statement(source="one", number=number)
        await book.write(statement, [Entry(key=key, sums=Sums(calls=1, seconds=1.0))], 400_000)
        print(number, flush=True)
        if number == 40:
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(run())
"""


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """Sums and the number of the last statement are of one transaction."""
    path = tmp_path / "costs.sqlite"
    done = subprocess.run([sys.executable, "-c", KILLED, path], capture_output=True, text=True, check=False, timeout=60)
    last = int(done.stdout.split()[-1])
    with sqlite3.connect(path) as connection:
        (number,) = connection.execute("SELECT number FROM heard").fetchone()
    assert last == 40 <= number
    assert kept(path) == {("used", "a"): float(number)}
