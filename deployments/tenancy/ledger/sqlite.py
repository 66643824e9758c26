"""The ledger in an SQLite file: one machine's gateways share it, and it needs no server."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from deployments.tenancy.ledger import posting
from deployments.tenancy.ledger.books import Hold
from deployments.tenancy.ledger.lines import MINUTE_US, Granted, Line, Lost, Refused, Settled, Statement
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
        return await self._file.run(lambda rows: posting.reserve(_Rows(rows), hold, lines, now_us, lease_us))

    async def extend(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Raise an open hold and begin its lease anew."""
        return await self._file.run(lambda rows: posting.extend(_Rows(rows), hold, lines, now_us, lease_us))

    async def settle(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled:
        """Close a hold at what was used."""

        def close(rows: sqlite3.Connection) -> Settled:
            _forget(rows, now_us, DUE_AT_ONCE)
            return posting.settle(_Rows(rows), hold, used, now_us)

        return await self._file.run(close)

    async def statement(self, account: str, now_us: int) -> Statement:
        """Return a quota's account."""

        def read(rows: sqlite3.Connection) -> Statement:
            posting.lapse(_Rows(rows), now_us, ALL_DUE)
            _forget(rows, now_us, ALL_DUE)
            return _Rows(rows).quota(account)

        return await self._file.run(read)


def _forget(rows: sqlite3.Connection, now_us: int, most: int) -> None:
    """Delete accounts whose period is long over, and buckets that are empty, which is to have none."""
    for table, until in (("quota", "kept_until_us"), ("rate", "empty_us")):
        over = f"SELECT account FROM {table} WHERE {until} <= ? LIMIT ?"  # noqa: S608 - names of ours
        rows.execute(f"DELETE FROM {table} WHERE account IN ({over})", (now_us - MINUTE_US, most))  # noqa: S608


class _Rows:
    """The ``Books`` within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    def quota(self, account: str) -> Statement:
        row = self._run("SELECT settled, reserved, overrun FROM quota WHERE account = ?", (account,)).fetchone()
        return Statement(settled=row[0], reserved=row[1], overrun=row[2]) if row else Statement()

    def put_quota(self, account: str, state: Statement, until_us: int | None) -> None:
        kept_until_us = None if until_us is None else until_us + KEPT_US
        self._run(
            "INSERT OR REPLACE INTO quota VALUES (?, ?, ?, ?, ?)",
            (account, state.settled, state.reserved, state.overrun, kept_until_us),
        )

    def rate(self, account: str) -> int:
        row = self._run("SELECT empty_us FROM rate WHERE account = ?", (account,)).fetchone()
        return row[0] if row else 0

    def put_rate(self, account: str, empty_us: int) -> None:
        self._run("INSERT OR REPLACE INTO rate VALUES (?, ?)", (account, empty_us))

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
