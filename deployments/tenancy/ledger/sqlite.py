"""The ledger in an SQLite file: one machine's gateways share it, and it needs no server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import msgspec

from deployments.tenancy.ledger import posting
from deployments.tenancy.ledger.books import Hold
from deployments.tenancy.ledger.lines import MINUTE_US, Granted, Line, Lost, Quota, Refused, Settled, Statement
from deployments.tenancy.ledger.store import ALL_DUE, DUE_AT_ONCE, KEPT_US
from deployments.tenancy.stores.sqlite_file import SqliteFile

T = TypeVar("T")
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
_FORGET_EVERY_US = 1_000_000
_MOST_KNOWN = 10_000


class SqliteLedger:
    """A ``Ledger`` in *file*, whose schema has ``SCHEMA``."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        # Of the thread: what it has read and written, which is what the file holds until somebody else writes to it.
        self._books: _Rows | None = None
        self._seen: tuple[object, ...] = ()
        self._settled = self._forgot_us = 0

    async def reserve(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Hold every line, or none."""
        return await self._take(posting.reserve, hold, lines, now_us, lease_us)

    async def extend(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Raise an open hold and begin its lease anew."""
        return await self._take(posting.extend, hold, lines, now_us, lease_us)

    async def settle(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled:
        """Close a hold at what was used."""
        closed: Settled = await self._file.run_in(
            self._posted, _Step(hold, now_us, lambda books: posting.settle(books, hold, used, now_us), settles=True)
        )
        return closed

    async def statement(self, account: str, now_us: int) -> Statement:
        """Return a quota's account, with everything given back whose time is over."""

        def read(rows: sqlite3.Connection) -> Statement:
            books = _Rows(rows)
            posting.lapse(books, now_us, ALL_DUE)
            books.write()
            _forget(rows, now_us, ALL_DUE)
            return _Rows(rows).quota(account)

        return await self._file.run(read)

    async def _take(
        self, take: Callable[[_Rows, str, Sequence[Line], int, int], Granted | Refused | Lost],
        hold: str, lines: Sequence[Line], now_us: int, lease_us: int,
    ) -> Granted | Refused | Lost:  # fmt: skip
        step = _Step(hold, now_us, lambda books: take(books, hold, lines, now_us, lease_us), lines)
        taken: Granted | Refused | Lost = await self._file.run_in(self._posted, step)
        return taken

    def _posted(self, rows: sqlite3.Connection, steps: Sequence[_Step]) -> Sequence[Any]:
        """Do one step after the other, and read and write for all of them together."""
        if settled := [step.now_us for step in steps if step.settles]:
            self._tidied(rows, len(settled), max(settled))
        seen = self._file.seen(rows)
        if self._books is None or (*seen, rows.total_changes) != self._seen or self._books.large:
            self._books = _Rows(rows)
        books = self._books
        books.look([step.hold for step in steps], [line for step in steps for line in step.lines])
        came = [step.post(books) for step in steps]
        books.write()
        self._seen = (*seen, rows.total_changes)
        return came

    def _tidied(self, rows: sqlite3.Connection, settled: int, now_us: int) -> None:
        """Forget accounts, now and then: as many in all as each settlement may have left."""
        self._settled += settled
        if abs(now_us - self._forgot_us) >= _FORGET_EVERY_US:
            most, self._settled, self._forgot_us = self._settled * DUE_AT_ONCE, 0, now_us
            _forget(rows, now_us, most)


@dataclass(frozen=True, slots=True)
class _Step:
    """One step, with what it will ask the books for."""

    hold: str
    now_us: int
    post: Callable[[_Rows], Any]
    lines: Sequence[Line] = ()
    settles: bool = False


def _forget(rows: sqlite3.Connection, now_us: int, most: int) -> None:
    """Delete accounts whose period is long over, and buckets that are empty, which is to have none."""
    for table, until in (("quota", "kept_until_us"), ("rate", "empty_us")):
        over = f"SELECT account FROM {table} WHERE {until} <= ? LIMIT ?"  # noqa: S608 - names of ours
        rows.execute(f"DELETE FROM {table} WHERE account IN ({over})", (now_us - MINUTE_US, most))  # noqa: S608


class _Rows:
    """The ``Books`` of one transaction, and of those after it until somebody else writes to the file.

    Read and written in few statements and steps of them: after each it has to wait for Python's lock. Nothing that is
    put reaches the file before ``write``.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._quotas: dict[str, Statement] = {}
        self._rates: dict[str, int] = {}
        self._holds: dict[str, Hold | None] = {}
        self._until_us: dict[str, int | None] = {}
        self._poured: set[str] = set()
        self._changed: set[str] = set()
        self._first_due_us: float | None = None

    @property
    def large(self) -> bool:
        """Say whether there is more than to be kept in memory."""
        return len(self._quotas) + len(self._rates) + len(self._holds) > _MOST_KNOWN

    def look(self, holds: Sequence[str], lines: Sequence[Line]) -> None:
        """Read at once what is not known of *holds* and of what they and *lines* are about."""
        unread = [name for name in dict.fromkeys(holds) if name not in self._holds]
        self._holds.update(dict.fromkeys(unread))
        for name, hold in self._all("SELECT name, hold FROM hold WHERE name", unread):
            self._holds[name] = _DECODER.decode(hold)
        held = [part.line for name in holds if (hold := self._holds[name]) is not None for part in hold.parts]
        about = {line.account: isinstance(line, Quota) for line in (*held, *lines)}
        quotas = [name for name, quota in about.items() if quota and name not in self._quotas]
        self._quotas.update(dict.fromkeys(quotas, Statement()))
        for account, *row in self._all("SELECT account, settled, reserved, overrun FROM quota WHERE account", quotas):
            self._quotas[account] = Statement(settled=row[0], reserved=row[1], overrun=row[2])
        rates = [name for name, quota in about.items() if not quota and name not in self._rates]
        self._rates.update(dict.fromkeys(rates, 0))
        self._rates.update(self._all("SELECT account, empty_us FROM rate WHERE account", rates))

    def _all(self, selected: str, names: Sequence[str]) -> Sequence[Any]:
        if not names:
            return ()
        filled = _filled(names)
        return self._run(f"{selected} IN ({', '.join('?' * len(filled))})", filled).fetchall()

    def _put(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            filled = _filled(rows)
            one = f"({', '.join('?' * len(rows[0]))})"
            marks = ", ".join([one] * len(filled))
            self._run(f"INSERT OR REPLACE INTO {table} VALUES {marks}", [*chain.from_iterable(filled)])  # noqa: S608

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

    def hold(self, name: str) -> Hold | None:
        if name not in self._holds:
            row = self._run("SELECT hold FROM hold WHERE name = ?", (name,)).fetchone()
            self._holds[name] = _DECODER.decode(row[0]) if row else None
        return self._holds[name]

    def put_hold(self, name: str, hold: Hold) -> None:
        self._holds[name] = hold
        self._changed.add(name)
        if self._first_due_us is not None:
            self._first_due_us = min(self._first_due_us, hold.due_us)

    def forget(self, name: str) -> None:
        self._holds[name] = None
        self._changed.add(name)

    def due(self, now_us: int, most: int) -> Sequence[str]:
        if self._first_due_us is None:
            self._write_holds()
            (first,) = self._run("SELECT min(due_us) FROM hold").fetchone()
            self._first_due_us = float("inf") if first is None else first
        if self._first_due_us > now_us:
            return ()
        self._write_holds()
        self._first_due_us = None
        rows = self._run("SELECT name, hold FROM hold WHERE due_us <= ? ORDER BY due_us LIMIT ?", (now_us, most))
        found = rows.fetchall()
        self._holds.update({name: _DECODER.decode(hold) for name, hold in found})
        return [name for name, _ in found]

    def write(self) -> None:
        """Write down what was put, and know no more of holds that are over: nobody asks for most of them again."""
        self._write_holds()
        self._holds = {name: hold for name, hold in self._holds.items() if hold is not None and hold.state == "open"}
        quotas = [
            (name, one.settled, one.reserved, one.overrun, None if until_us is None else until_us + KEPT_US)
            for name, until_us in self._until_us.items()
            for one in (self._quotas[name],)
        ]
        self._put("quota", quotas)
        self._put("rate", [(name, self._rates[name]) for name in self._poured])
        self._until_us.clear()
        self._poured.clear()

    def _write_holds(self) -> None:
        changed, self._changed = self._changed, set()
        kept, gone = [], []
        for name in changed:
            hold = self._holds[name]
            if hold is None:
                gone.append((name,))
            else:
                kept.append((name, hold.due_us, msgspec.json.encode(hold)))
        self._put("hold", kept)
        for one in gone:
            self._run("DELETE FROM hold WHERE name = ?", one)


def _filled(things: Sequence[T]) -> Sequence[T]:
    """Return *things*, some of them again, so that there are few numbers of them: each is a statement to prepare."""
    return [*things, *[things[0]] * ((1 << (len(things) - 1).bit_length()) - len(things))]
