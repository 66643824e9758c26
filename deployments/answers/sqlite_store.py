"""The embedded second level: a SQLite file, read and written by a thread each, since WAL lets neither wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from deployments.answers.kept import Kept, Since, Word
from deployments.answers.sqlite_file import SqliteFile
from deployments.answers.worker import Worker


class SqliteStore:
    """Keeps about *most_bytes* of answers in the file *path*."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._read, self._written = SqliteFile(path, most_bytes), SqliteFile(path, most_bytes)
        self._reader, self._writer = Worker("answers-read"), Worker("answers-write")

    async def get(self, key: bytes, now_s: float) -> Kept | None:
        """Return what is kept."""
        return await self._reader.run(self._read.get, key, now_s)

    async def put(self, answers: Mapping[bytes, Kept], now_s: float) -> Collection[bytes]:
        """Keep answers."""
        return await self._writer.run(self._written.put, answers, now_s)

    async def forget(self, label: str, at_s: float) -> int:
        """Forget by one label."""
        return await self._writer.run(self._written.forget, label, at_s)

    async def word(self, since: Since | None) -> Word:
        """Return what is new."""
        return await self._reader.run(self._read.word, since)

    async def close(self) -> None:
        """Close the file."""
        for worker, file in ((self._reader, self._read), (self._writer, self._written)):
            await worker.close(file.close)
