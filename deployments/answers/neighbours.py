"""Questions whose answers are kept, by their vectors: in memory, bounded, and apart where they must not meet."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deployments.answers.kept import Kept

Direction = NDArray[np.float32]
# A look at so many vectors of usual length takes about a millisecond.
MOST_ROWS = 4096
# What an entry takes beside its vector, roughly.
_ENTRY_BYTES = 512


class Near(NamedTuple):
    """A kept answer's key, and the cosine of its question to the one that was asked."""

    key: bytes
    cosine: float


class _Entry(NamedTuple):
    key: bytes
    same: tuple[str, ...]
    labels: tuple[str, ...]
    serial: int


class Neighbours:
    """Finds what was asked before in nearly the same way, within one partition.

    All take about ``size`` bytes, at most *most_bytes*. An entry only names an answer: whether that may still be given
    is for whoever keeps it to say.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._parts: OrderedDict[bytes, _Partition] = OrderedDict()
        self._serial = 0
        self.size = 0

    def __len__(self) -> int:
        return sum(len(part.entries) for part in self._parts.values())

    def near(self, part: bytes, direction: Direction, same: tuple[str, ...], at_least: float) -> list[Near]:
        """Return what is at least so near and is the *same* there, the nearest first."""
        found = self._parts.get(part)
        if found is None or found.rows.shape[1] != direction.size:
            return []
        self._parts.move_to_end(part)
        return found.near(direction, same, at_least)

    def put(self, part: bytes, key: bytes, direction: Direction, same: tuple[str, ...], kept: Kept) -> None:
        """Remember a question, whose answer is *kept* under *key*."""
        most = min(MOST_ROWS, self._most_bytes // (4 * direction.size + _ENTRY_BYTES))
        if not most:
            return
        held = self._parts.pop(part, None)
        self.size -= held.size if held is not None else 0
        if held is None or held.rows.shape[1] != direction.size:
            held = _Partition(direction.size)
        self._parts[part] = held
        self._serial += 1
        held.put(direction, _Entry(key, same, kept.labels, self._serial), most)
        self.size += held.size
        while self.size > self._most_bytes and len(self._parts) > 1:
            self.size -= self._parts.popitem(last=False)[1].size

    def drop(self, part: bytes, key: bytes) -> None:
        """Let go of a question whose answer is not kept any more."""
        if part in self._parts:
            self._remove(part, [key])

    def forget(self, label: str) -> None:
        """Let go of every question whose answer has the label."""
        for name, part in list(self._parts.items()):
            self._remove(name, [entry.key for entry in part.entries if label in entry.labels])

    def _remove(self, part: bytes, keys: list[bytes]) -> None:
        held = self._parts[part]
        self.size -= held.size
        held.remove(keys)
        if held.entries:
            self.size += held.size
        else:
            del self._parts[part]


class _Partition:
    """Questions that may answer for each other: a row of unit length and an entry for each, in the same order."""

    def __init__(self, length: int) -> None:
        self.rows: Direction = np.zeros((1, length), np.float32)
        self.entries: list[_Entry] = []
        self._at: dict[bytes, int] = {}

    @property
    def size(self) -> int:
        return int(self.rows.nbytes) + _ENTRY_BYTES * len(self.entries)

    def near(self, direction: Direction, same: tuple[str, ...], at_least: float) -> list[Near]:
        cosines = self.rows[: len(self.entries)] @ direction
        found = [
            Near(self.entries[at].key, float(cosines[at]))
            for at in np.flatnonzero(cosines >= at_least)
            if self.entries[at].same == same
        ]
        return sorted(found, key=lambda near: -near.cosine)

    def put(self, direction: Direction, entry: _Entry, most: int) -> None:
        at = self._at.get(entry.key)
        if at is None and len(self.entries) >= most:
            at = min(range(len(self.entries)), key=lambda row: self.entries[row].serial)
            del self._at[self.entries[at].key]
        if at is None:
            at = len(self.entries)
            self.entries.append(entry)
            if at == len(self.rows):
                self.rows = np.concatenate([self.rows, np.zeros((min(at, most - at), direction.size), np.float32)])
        self.rows[at], self.entries[at], self._at[entry.key] = direction, entry, at

    def remove(self, keys: list[bytes]) -> None:
        for key in keys:
            if (at := self._at.pop(key, None)) is None:
                continue
            last = self.entries.pop()
            if last.key != key:  # the last one takes its place
                self.rows[at], self.entries[at], self._at[last.key] = self.rows[len(self.entries)], last, at


def direction_of(vector: list[float] | tuple[float, ...]) -> Direction | None:
    """Return *vector* with length one; None where it points nowhere."""
    found = np.asarray(vector, np.float64)
    length = float(np.linalg.norm(found))
    return (found / length).astype(np.float32) if 0 < length < float("inf") else None
