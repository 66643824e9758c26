"""One thread's connection to an SQLite file that others write to as well."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

_AGAIN_S = 0.005


class SqliteConnection:
    """Connects to the file at *path*, which is made where there is none, and must stay the one that it was."""

    def __init__(self, path: Path, schema: Sequence[str], *, power_safe: bool, within_s: float) -> None:
        self._path, self._schema, self._within_s = path, tuple(schema), within_s
        self._synchronous = "FULL" if power_safe else "NORMAL"
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def opened(self) -> sqlite3.Connection:
        """Return the connection; raises OSError and sqlite3's errors where the file cannot be reached."""
        if self._opened is None:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._path.touch(mode=0o600)
        # A file that went away must not come back empty: what was spent would be forgotten.
        found = self._path.stat()
        if self._connection is None or self._opened != (found.st_dev, found.st_ino):
            self.close()
            self._connection = self._connect()
            self._opened = (found.st_dev, found.st_ino)
        return self._connection

    def roll_back(self) -> None:
        """Keep the connection where it can be read by still: to open a file anew takes room on the disk."""
        if self._connection is not None:
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            except sqlite3.Error:
                self.close()

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=self._within_s / 2, isolation_level=None)
        self._keep_journal(connection)
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        for statement in self._schema:
            connection.execute(statement)
        return connection

    def _keep_journal(self, connection: sqlite3.Connection) -> None:
        """Have a write-ahead log; where others turn a new file to it at the same time, SQLite itself does not wait."""
        until_s = time.monotonic() + self._within_s / 2
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > until_s:
                    raise
                time.sleep(_AGAIN_S)
            else:
                return
