"""Answers in one SQLite file; every call blocks. Several processes of one machine may have the file open."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deployments.answers.kept import MOST_S, Kept, Since, Word, decoded, encoded
from deployments.answers.memory import outdated
from deployments.answers.store import StoreFailedError

_BUSY_S = 2.0
_PRUNE_EVERY_S = 60.0
_PRUNE_EVERY = 256
_LEFT = 0.9
_BATCH = 500
_VACUUM_PAGES = 2000
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# What is deleted is overwritten: people may have asked for it. Without auto_vacuum a file never shrinks.
_SETTINGS = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON;"
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS store (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, era INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS answer (
    key BLOB PRIMARY KEY, kept BLOB NOT NULL, until_s REAL NOT NULL, put_s REAL NOT NULL, size INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS answer_until ON answer (until_s);
CREATE INDEX IF NOT EXISTS answer_put ON answer (put_s);
CREATE TABLE IF NOT EXISTS label (label TEXT NOT NULL, key BLOB NOT NULL, PRIMARY KEY (label, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS label_key ON label (key);
CREATE TABLE IF NOT EXISTS forgotten (label TEXT PRIMARY KEY, era INTEGER NOT NULL, at_s REAL NOT NULL);
CREATE TRIGGER IF NOT EXISTS answer_gone AFTER DELETE ON answer BEGIN DELETE FROM label WHERE key = OLD.key; END;
COMMIT;
"""


class SqliteFile:
    """One connection to the file, opened when it is needed and again after any error; for one thread at a time.

    A file that is broken is removed: it is a cache. One that somebody removed is left for the one in its place.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path, self._most_bytes = path, most_bytes
        self._open: sqlite3.Connection | None = None
        self._inode = 0
        self._puts, self._pruned_s = 0, float("-inf")

    def get(self, key: bytes, now_s: float) -> Kept | None:
        """Return what may still be given."""
        with self._connection() as db:
            row = db.execute("SELECT kept FROM answer WHERE key = ? AND until_s > ?", (key, now_s)).fetchone()
        try:
            return None if row is None else decoded(row[0])
        except msgspec.MsgspecError as error:  # written by another version
            raise StoreFailedError(f"{self._path}: holds what is no answer: {error}") from error

    def put(self, answers: Mapping[bytes, Kept], now_s: float) -> Collection[bytes]:
        """Keep answers unless they were forgotten meanwhile; now and then, make room."""
        written = {key: encoded(kept) for key, kept in answers.items()}
        with self._connection() as db, _transaction(db):
            current = self._current(db, answers)
            rows = [
                (key, data, min(kept.until_s, now_s + MOST_S), now_s, len(data))
                for key, kept in current.items()
                for data in (written[key],)
            ]
            labels = [(label, key) for key, kept in current.items() for label in dict.fromkeys(kept.labels)]
            db.executemany("DELETE FROM answer WHERE key = ?", [(key,) for key in current])
            db.executemany("INSERT INTO answer VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO label VALUES (?, ?)", labels)
        self._puts += len(current)
        if self._puts >= _PRUNE_EVERY or not 0 <= now_s - self._pruned_s <= _PRUNE_EVERY_S:
            self._puts, self._pruned_s = 0, now_s
            self.prune(now_s)
        return current.keys()

    def forget(self, label: str, at_s: float) -> int:
        """Forget by one label, durably: a power cut must not bring back what somebody had removed."""
        with self._connection() as db:
            db.execute("PRAGMA synchronous = FULL")
            try:
                with _transaction(db):
                    if db.execute("SELECT 1 FROM forgotten WHERE label = ? AND at_s = ?", (label, at_s)).fetchone():
                        return 0
                    db.execute("UPDATE store SET era = era + 1")
                    db.execute(
                        "INSERT OR REPLACE INTO forgotten SELECT ?, era, ? FROM store", (label, at_s)
                    )  # fmt: skip
                    db.execute("DELETE FROM forgotten WHERE at_s < ?", (at_s - MOST_S,))
                    gone = db.execute(
                        "DELETE FROM answer WHERE key IN (SELECT key FROM label WHERE label = ?)", (label,)
                    )
                    return gone.rowcount
            finally:
                db.execute("PRAGMA synchronous = NORMAL")

    def word(self, since: Since | None) -> Word:
        """Return what is new."""
        with self._connection() as db, _transaction(db, "DEFERRED"):
            now = _now(db)
            known = since.era if since is not None and since.store == now.store else -1
            return Word(now, dict(db.execute("SELECT label, era FROM forgotten WHERE era > ?", (known,))))

    def prune(self, now_s: float) -> None:
        """Remove what may not be given any more, and the oldest while there is more than may be kept."""
        with self._connection() as db:
            with _transaction(db):
                db.execute("DELETE FROM answer WHERE until_s <= ?", (now_s,))
            total = db.execute("SELECT coalesce(sum(size), 0) FROM answer").fetchone()[0]
            target = self._most_bytes if total <= self._most_bytes else _LEFT * self._most_bytes
            while total > target:
                with _transaction(db):
                    total -= self._remove_oldest(db, total - target)
            db.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()

    def close(self) -> None:
        """Let go of the file."""
        db, self._open = self._open, None
        if db is not None:
            db.close()

    @staticmethod
    def _remove_oldest(db: sqlite3.Connection, excess: float) -> int:
        gone, size = [], 0
        for key, one in db.execute("SELECT key, size FROM answer ORDER BY put_s LIMIT ?", (_BATCH,)):
            if size >= excess:
                break
            gone.append((key,))
            size += one
        db.executemany("DELETE FROM answer WHERE key = ?", gone)
        return size

    @staticmethod
    def _current(db: sqlite3.Connection, answers: Mapping[bytes, Kept]) -> Mapping[bytes, Kept]:
        """Return those of this store of which nothing was forgotten since they began."""
        now = _now(db)
        of_this = {key: kept for key, kept in answers.items() if kept.since.store == now.store}
        first = min((kept.since.era for kept in of_this.values()), default=now.era)
        if first >= now.era:  # as nearly always: nothing at all was forgotten meanwhile
            return of_this
        forgotten = dict(db.execute("SELECT label, era FROM forgotten WHERE era > ?", (first,)))
        return {key: kept for key, kept in of_this.items() if not outdated(kept, forgotten)}

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._opened()
        except (sqlite3.Error, OSError) as error:
            self._gave_up(error)
            raise StoreFailedError(f"{self._path}: {error}") from error

    def _gave_up(self, error: Exception) -> None:
        try:
            self.close()
        except sqlite3.Error:
            self._open = None
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
            for end in ("", "-wal", "-shm"):
                Path(f"{self._path}{end}").unlink(missing_ok=True)

    def _opened(self) -> sqlite3.Connection:
        if self._open is not None and self._replaced():
            self.close()
        if self._open is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # What people said to a model is for the owner of the process alone; SQLite's other files take after it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._inode = self._path.stat().st_ino
            self._open = _connected(self._path)
        return self._open

    def _replaced(self) -> bool:
        try:
            return self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        db.executescript(_SETTINGS)
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
        db.execute("INSERT OR IGNORE INTO store VALUES (1, ?, 0)", (secrets.token_hex(8),))
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def _transaction(db: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    db.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _now(db: sqlite3.Connection) -> Since:
    name, era = db.execute("SELECT name, era FROM store").fetchone()
    return Since(name, era)
