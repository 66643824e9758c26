"""The files of a chain: ``CHAIN.FIRST.jsonl``, where FIRST is the number of the first line."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

_NAME = re.compile(r"(\d{8}T\d{12}-[0-9a-f]{16})\.(\d{12})\.jsonl", re.ASCII)
_STAMP = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Part:
    """One file of a chain."""

    chain: str
    first: int
    path: Path


def new_chain(now_s: float) -> str:
    """Return a name that sorts by time and that nobody else has."""
    return f"{datetime.fromtimestamp(now_s, UTC).strftime(_STAMP)}-{secrets.token_hex(8)}"


def began_s(chain: str) -> float:
    """Return when a chain began by its name, in Unix time."""
    return datetime.strptime(f"{chain.partition('-')[0]}+0000", f"{_STAMP}%z").timestamp()


def parts(folder: Path) -> dict[str, list[Part]]:
    """Return every chain of the folder with its files, both in order; raises OSError."""
    found = sorted(_parts(folder.iterdir()))
    return {chain: list(files) for chain, files in groupby(found, key=lambda part: part.chain)}


def _parts(paths: Iterable[Path]) -> Iterator[Part]:
    for path in paths:
        if match := _NAME.fullmatch(path.name):
            yield Part(chain=match[1], first=int(match[2]), path=path)


class AppendOnly:
    """One file that is written to its end and to the disk; every call blocks and may raise OSError.

    While it is open its lock tells others that somebody writes to it.
    """

    def __init__(self, folder: Path, chain: str, first: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{chain}.{first:012}.jsonl"
        # What people said to a model is for the owner of the process alone.
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = 0
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)  # others only look whether it is held
            _sync_folder(folder)
        except OSError:
            self.close()
            raise

    def append(self, data: bytes) -> None:
        """Write *data*, all of it, and return once the disk has it."""
        if os.fstat(self._fd).st_nlink == 0:
            raise FileNotFoundError(f"{self.path.name} was removed")
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]
        os.fdatasync(self._fd)
        self.size += len(data)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def in_use(path: Path) -> bool:
    """Say whether somebody writes to the file; raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
