"""The ledger in an SQLite file: one machine's gateways share it, and it needs no server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import msgspec

from deployments.tenancy.ledger import posting
from deployments.tenancy.ledger.books import Hold
from deployments.tenancy.ledger.lines import MINUTE_US, Granted, Line, Lost, Quota, Refused, Settled, Statement
from deployments.tenancy.ledger.store import ALL_DUE, DUE_AT_ONCE, KEPT_US
from deployments.tenancy.stores.sqlite_file import SqliteFile

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS quota (
        account TEXT PRIMARY KEY, settled INTEGER NOT NULL, reserved INTEGER NOT NULL, overrun INTEGER NOT NULL,
        kept_until_us INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS quota_over ON quota (kept_until_us) WHERE kept_until_us IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS rate (account TEXT PRIMARY KEY, empty_us INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS rate_over ON rate (empty_us)",
    """CREATE TABLE IF NOT EXISTS hold (
        name TEXT PRIMARY KEY, due_us INTEGER NOT NULL, hold BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS hold_due ON hold (due_us)",
)
_DECODER = msgspec.json.Decoder(Hold)


class SqliteLedger:
    """A ``Ledger`` in *file*, whose schema has ``SCHEMA``."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def reserve(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Hold every line, or none."""
        return await self._file.run(_step(posting.reserve, hold, lines, now_us, lease_us))

    async def extend(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Raise an open hold and begin its lease anew."""
        return await self._file.run(_step(posting.extend, hold, lines, now_us, lease_us))

    async def settle(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled:
        """Close a hold at what was used."""

        def close(rows: sqlite3.Connection) -> Settled:
            _forget(rows, now_us, DUE_AT_ONCE)
            with _Rows.of(rows) as books:
                return posting.settle(books, hold, used, now_us)

        return await self._file.run(close)

    async def statement(self, account: str, now_us: int) -> Statement:
        """Return a quota's account."""

        def read(rows: sqlite3.Connection) -> Statement:
            with _Rows.of(rows) as books:
                posting.lapse(books, now_us, ALL_DUE)
            _forget(rows, now_us, ALL_DUE)
            return _Rows(rows).quota(account)

        return await self._file.run(read)


def _step(
    step: Callable[[_Rows, str, Sequence[Line], int, int], Granted | Refused | Lost],
    hold: str, lines: Sequence[Line], now_us: int, lease_us: int,
) -> Callable[[sqlite3.Connection], Granted | Refused | Lost]:  # fmt: skip
    def work(rows: sqlite3.Connection) -> Granted | Refused | Lost:
        with _Rows.of(rows) as books:
            books.look(lines)
            return step(books, hold, lines, now_us, lease_us)

    return work


def _forget(rows: sqlite3.Connection, now_us: int, most: int) -> None:
    """Delete accounts whose period is long over, and buckets that are empty, which is to have none."""
    for table, until in (("quota", "kept_until_us"), ("rate", "empty_us")):
        over = f"SELECT account FROM {table} WHERE {until} <= ? LIMIT ?"  # noqa: S608 - names of ours
        rows.execute(f"DELETE FROM {table} WHERE account IN ({over})", (now_us - MINUTE_US, most))  # noqa: S608


class _Rows:
    """The ``Books`` within one piece of work, read and written in few statements: each waits for Python's lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._run = connection, connection.execute
        self._quotas: dict[str, Statement] = {}
        self._rates: dict[str, int] = {}
        self._until_us: dict[str, int | None] = {}
        self._poured: set[str] = set()

    @classmethod
    @contextmanager
    def of(cls, connection: sqlite3.Connection) -> Iterator[Self]:
        """Yield the books of *connection*, and write down what was put into them."""
        books = cls(connection)
        yield books
        books._write()

    def look(self, lines: Sequence[Line]) -> None:
        """Read at once what *lines* are about."""
        quotas = [line.account for line in lines if isinstance(line, Quota)]
        rates = [line.account for line in lines if not isinstance(line, Quota)]
        self._quotas = dict.fromkeys(quotas, Statement())
        for account, *row in self._all("SELECT account, settled, reserved, overrun FROM quota", quotas):
            self._quotas[account] = Statement(settled=row[0], reserved=row[1], overrun=row[2])
        self._rates = dict.fromkeys(rates, 0) | dict(self._all("SELECT account, empty_us FROM rate", rates))

    def _all(self, selected: str, accounts: Sequence[str]) -> Sequence[Any]:
        marks = ", ".join("?" * len(accounts))
        return self._run(f"{selected} WHERE account IN ({marks})", accounts).fetchall() if accounts else ()

    def quota(self, account: str) -> Statement:
        if account not in self._quotas:
            row = self._run("SELECT settled, reserved, overrun FROM quota WHERE account = ?", (account,)).fetchone()
            self._quotas[account] = Statement(settled=row[0], reserved=row[1], overrun=row[2]) if row else Statement()
        return self._quotas[account]

    def put_quota(self, account: str, state: Statement, until_us: int | None) -> None:
        self._quotas[account], self._until_us[account] = state, until_us

    def rate(self, account: str) -> int:
        if account not in self._rates:
            row = self._run("SELECT empty_us FROM rate WHERE account = ?", (account,)).fetchone()
            self._rates[account] = row[0] if row else 0
        return self._rates[account]

    def put_rate(self, account: str, empty_us: int) -> None:
        self._rates[account] = empty_us
        self._poured.add(account)

    def _write(self) -> None:
        quotas = [
            (name, one.settled, one.reserved, one.overrun, None if until_us is None else until_us + KEPT_US)
            for name, until_us in self._until_us.items()
            for one in (self._quotas[name],)
        ]
        rates = [(name, self._rates[name]) for name in self._poured]
        if quotas:
            self._connection.executemany("INSERT OR REPLACE INTO quota VALUES (?, ?, ?, ?, ?)", quotas)
        if rates:
            self._connection.executemany("INSERT OR REPLACE INTO rate VALUES (?, ?)", rates)

    def hold(self, name: str) -> Hold | None:
        row = self._run("SELECT hold FROM hold WHERE name = ?", (name,)).fetchone()
        return _DECODER.decode(row[0]) if row else None

    def put_hold(self, name: str, hold: Hold) -> None:
        self._run("INSERT OR REPLACE INTO hold VALUES (?, ?, ?)", (name, hold.due_us, msgspec.json.encode(hold)))

    def forget(self, name: str) -> None:
        self._run("DELETE FROM hold WHERE name = ?", (name,))

    def due(self, now_us: int, most: int) -> Sequence[str]:
        rows = self._run("SELECT name FROM hold WHERE due_us <= ? ORDER BY due_us LIMIT ?", (now_us, most))
        return [name for (name,) in rows.fetchall()]
