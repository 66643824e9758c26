"""Keys in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from deployments.tenancy.keys.record import KeyRecord
from deployments.tenancy.keys.shortened import shortened
from deployments.tenancy.stores.sqlite_file import SqliteFile

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS key (id TEXT PRIMARY KEY, created_s REAL NOT NULL, record BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS pepper (one INTEGER PRIMARY KEY CHECK (one = 1), pepper BLOB NOT NULL)",
)
_DECODER = msgspec.json.Decoder(KeyRecord)


class SqliteKeys:
    """A ``KeyStore`` in *file*, whose schema has ``SCHEMA``."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def get(self, key_id: str) -> KeyRecord | None:
        """Return one record."""
        return await self._file.run(lambda rows: _get(rows, key_id))

    async def add(self, record: KeyRecord) -> bool:
        """Keep a new record."""
        row = (record.id, record.created_s, msgspec.json.encode(record))
        return await self._file.run(
            lambda rows: rows.execute("INSERT OR IGNORE INTO key VALUES (?, ?, ?)", row).rowcount == 1
        )

    async def shorten(self, key_id: str, *, expires_s: float | None = None, revoked_s: float | None = None) -> bool:
        """End a key."""

        def write(rows: sqlite3.Connection) -> bool:
            record = _get(rows, key_id)
            if record is None:
                return False
            changed = msgspec.json.encode(shortened(record, expires_s, revoked_s))
            rows.execute("UPDATE key SET record = ? WHERE id = ?", (changed, key_id))
            return True

        return await self._file.run(write)

    async def all(self) -> Sequence[KeyRecord]:
        """Return every record."""
        found = await self._file.run(
            lambda rows: rows.execute("SELECT record FROM key ORDER BY created_s, id").fetchall()
        )  # fmt: skip
        return [_DECODER.decode(record) for (record,) in found]

    async def pepper(self, proposed: bytes) -> bytes:
        """Return the store's own pepper."""

        def read(rows: sqlite3.Connection) -> bytes:
            rows.execute("INSERT OR IGNORE INTO pepper VALUES (1, ?)", (proposed,))
            found: bytes = rows.execute("SELECT pepper FROM pepper").fetchone()[0]
            return found

        return await self._file.run(read)


def _get(rows: sqlite3.Connection, key_id: str) -> KeyRecord | None:
    row = rows.execute("SELECT record FROM key WHERE id = ?", (key_id,)).fetchone()
    return _DECODER.decode(row[0]) if row else None
