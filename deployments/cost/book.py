"""The sums of every hour in one SQLite file: what statements add to, each once, and what `tercet cost` reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.cost.lines import OTHERS, Key, Statement, Sums
from deployments.tenancy.stores.sqlite_file import SqliteFile

# Names of tenants may be anything that clients send: beyond so many in an hour they are summed up as others.
MOST_TENANTS = 2_000
_HEARD_HOURS = 48
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS spent (hour INTEGER, kind TEXT, pool TEXT, model TEXT, tenant TEXT, currency TEXT,"
    " calls INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, seconds REAL, gpu_seconds REAL,"
    " cpu_seconds REAL, amount REAL, PRIMARY KEY (hour, kind, pool, model, tenant, currency)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS heard (source TEXT PRIMARY KEY, number INTEGER, hour INTEGER) WITHOUT ROWID",
)
_ADD = (
    "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " calls = calls + excluded.calls, prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
    " completion_tokens = completion_tokens + excluded.completion_tokens, seconds = seconds + excluded.seconds,"
    " gpu_seconds = gpu_seconds + excluded.gpu_seconds, cpu_seconds = cpu_seconds + excluded.cpu_seconds,"
    " amount = amount + excluded.amount"
)
_INHERIT = "INSERT INTO heard VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET number = max(number, excluded.number)"
_COLUMNS = "hour, kind, pool, model, tenant, currency, calls, prompt_tokens, completion_tokens, seconds, amount"


class BookError(Exception):
    """A file that cannot be read as a book."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sum as it is kept: with the devices' seconds, and what an hour of them cost where that is known."""

    key: Key
    sums: Sums
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0


class Book:
    """Writes to the file at *path*; a killed process loses nothing of what was written."""

    def __init__(self, path: Path, *, within_s: float = 2.0) -> None:
        self._file = SqliteFile(path, _SCHEMA, within_s=within_s)
        self._tenants: dict[int, set[str]] = {}

    async def write(self, statement: Statement, entries: Iterable[Entry], now_hour: int) -> bool:
        """Add *entries*, which *statement* comes to; False where it was written before. Raises StoreAwayError."""
        kept = list(entries)
        return await self._file.run(lambda connection: self._write(connection, statement, kept, now_hour))

    async def prune(self, before_hour: int, now_hour: int) -> None:
        """Forget what is older. Raises StoreAwayError."""

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM spent WHERE hour < ?", (before_hour,))
            connection.execute("DELETE FROM heard WHERE hour < ?", (now_hour - _HEARD_HOURS,))

        await self._file.run(forget)

    async def heard(self) -> list[tuple[str, int, int]]:
        """Return the last statement of everybody: source, number and hour. Raises StoreAwayError."""
        return await self._file.run(lambda connection: connection.execute("SELECT * FROM heard").fetchall())

    async def inherit(self, heard: list[tuple[str, int, int]]) -> None:
        """Take these statements for written. Raises StoreAwayError."""

        def take_over(connection: sqlite3.Connection) -> None:
            connection.executemany(_INHERIT, heard)

        await self._file.run(take_over)

    async def close(self) -> None:
        """Let go of the file, after what waits."""
        await self._file.close()

    def _write(self, connection: sqlite3.Connection, statement: Statement, entries: list[Entry], now_hour: int) -> bool:
        known = connection.execute("SELECT number FROM heard WHERE source = ?", (statement.source,)).fetchone()
        if known is not None and statement.number <= known[0]:
            return False
        connection.executemany(_ADD, [self._row(connection, entry) for entry in entries])
        connection.execute(
            "INSERT OR REPLACE INTO heard VALUES (?, ?, ?)", (statement.source, statement.number, now_hour)
        )
        return True

    def _row(self, connection: sqlite3.Connection, entry: Entry) -> tuple[object, ...]:
        key, sums = entry.key, entry.sums
        return (
            *key._replace(tenant=self._bounded(connection, key.hour, key.tenant)),
            sums.calls, sums.prompt_tokens, sums.completion_tokens, sums.seconds,
            entry.gpu_seconds, entry.cpu_seconds, sums.amount,
        )  # fmt: skip

    def _bounded(self, connection: sqlite3.Connection, hour: int, tenant: str) -> str:
        if hour not in self._tenants:
            found = connection.execute("SELECT DISTINCT tenant FROM spent WHERE hour = ?", (hour,))
            self._tenants = {known: names for known, names in self._tenants.items() if known >= hour - 2}
            self._tenants[hour] = {row[0] for row in found}
        names = self._tenants[hour]
        if tenant not in names and len(names) >= MOST_TENANTS:
            return OTHERS
        names.add(tenant)
        return tenant


def entries(path: Path, since_hour: int, until_hour: int) -> Iterator[Entry]:
    """Yield what was kept of the hours from *since_hour* until before *until_hour*; raises BookError."""
    if not path.is_file():
        raise BookError(f"{path}: there is no such file; name it by --file, or the gateway's port by --port")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS}, gpu_seconds, cpu_seconds FROM spent WHERE hour >= ? AND hour < ?"  # noqa: S608
                " ORDER BY hour, pool, kind, model, tenant, currency",
                (since_hour, until_hour),
            )
            yield from map(_entry, rows)
    except sqlite3.Error as error:
        raise BookError(f"{path}: cannot be read as what is kept of cost: {error}") from error


def _entry(row: tuple[Any, ...]) -> Entry:
    *key, calls, prompt_tokens, completion_tokens, seconds, amount, gpu_seconds, cpu_seconds = row
    sums = Sums(
        calls=calls, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, seconds=seconds, amount=amount
    )
    return Entry(key=Key(*key), sums=sums, gpu_seconds=gpu_seconds, cpu_seconds=cpu_seconds)
