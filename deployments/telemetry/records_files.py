"""The files that one writer keeps for one node: a new one after a while, old ones removed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from urllib.parse import quote

from deployments.telemetry.records import Keep

# A file is at most this part of what is kept, so that removing the oldest one loses little.
PARTS = 16
_DAY_S = 86_400.0
# A file goes when its last line is old enough, so its first one outlives the days by what the file spans.
_SPAN_S = 3600.0
_PARTS_OF_A_NAME = 4
_LOOK_EVERY_S = 60.0


class RecordFiles:
    """Appends lines to files named ``NODE.TIME.WRITER.jsonl``; every call may block on the disk and raise OSError."""

    def __init__(self, folder: Path, node: str, writer: str) -> None:
        self._folder, self._node, self._writer = folder, _plain(node), _plain(writer)
        self._file: FileIO | None = None
        self._size = 0
        self._opened_s = self._looked_s = float("-inf")

    def append(self, line: bytes, keep: Keep, now_s: float) -> None:
        """Write *line* and make room for it; *now_s* is Unix time."""
        span_s = min(_SPAN_S, keep.days * _DAY_S / PARTS)
        full = self._size + len(line) > keep.bytes // PARTS or now_s - self._opened_s > span_s
        if self._file is None or full or self._removed():
            self.close()
            self._file = self._open(now_s)
            self._size, self._opened_s, self._looked_s = 0, now_s, float("-inf")
        if now_s - self._looked_s > _LOOK_EVERY_S:
            self._looked_s = now_s
            prune(self._folder, self._node, keep, now_s, room=keep.bytes // PARTS)
        if self._file.write(line) != len(line):
            self.close()  # half a line must be a file's last one, which readers leave out
            raise OSError("the disk is full")
        self._size += len(line)

    def close(self) -> None:
        """Close the file; the next line goes to a new one."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _open(self, now_s: float) -> FileIO:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%S%f")
        path = self._folder / f"{self._node}.{stamp}.{self._writer}.jsonl"
        # What people said to a model is for the owner of the process alone.
        return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    def _removed(self) -> bool:
        """Tell whether another gateway of this machine made room by removing the file."""
        return self._file is not None and os.fstat(self._file.fileno()).st_nlink == 0


def prune(folder: Path, node: str, keep: Keep, now_s: float, *, room: int) -> None:
    """Remove the files of *node* that are too old, and the oldest until there are *room* bytes left to write."""
    total = room
    for path, size, changed_s in sorted(_files(folder, node), key=lambda file: -file[2]):
        total += size
        if size and (total > keep.bytes or now_s - changed_s > keep.days * _DAY_S):
            path.unlink(missing_ok=True)


def prune_old(folder: Path, keeps: Mapping[str, Keep], now_s: float) -> None:
    """Remove every node's files that are too old, also of nodes that *keeps* does not know: the default holds there."""
    known = {_plain(node): keep for node, keep in keeps.items()}
    for path, _, changed_s in _files(folder, "*"):
        node, *others = path.name.split(".")
        ours = len(others) == _PARTS_OF_A_NAME - 1
        if ours and now_s - changed_s > known.get(node, Keep()).days * _DAY_S:
            path.unlink(missing_ok=True)


def _files(folder: Path, node: str) -> Iterator[tuple[Path, int, float]]:
    for path in folder.glob(f"{node}.*.jsonl"):
        try:
            found = path.stat()
        except FileNotFoundError:  # another gateway was quicker
            continue
        yield path, found.st_size, found.st_mtime


def _plain(name: str) -> str:
    """Return *name* fit for a part of a file's name: without dots, slashes and the characters of patterns."""
    return quote(name, safe="").replace(".", "%2E")
