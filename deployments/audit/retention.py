"""Old files go, whole ones only, and each leaves a record of what it was."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.audit.files import Part, in_use, parts
from deployments.audit.lines import Retired
from deployments.audit.reading import last_place
from deployments.audit.settings import Retention

_DAY_S = 86_400.0
_LOCK = ".retention.lock"


def retire(folder: Path, keep: Retention, own: str, now_s: float) -> Iterator[Retired]:
    """Yield a record of each file that is to go; it is removed when the record has been taken care of.

    Of a chain the oldest file goes first, and the last one only where nobody writes to it: chain *own* is written to.
    """
    if keep.days is None and keep.bytes is None:
        return
    with _alone(folder) as alone:
        if alone:
            for part in _due(folder, keep, own, now_s):
                place = last_place(part)
                if place is None:
                    continue  # holds no whole line; whoever verifies should see it
                yield Retired(at_s=now_s, upto=place)
                part.path.unlink(missing_ok=True)


def _due(folder: Path, keep: Retention, own: str, now_s: float) -> Iterator[Part]:
    states = [(part, part.path.stat()) for part in _removable(folder, own)]
    total = sum(path.stat().st_size for files in parts(folder).values() for path in (one.path for one in files))
    for part, state in sorted(states, key=lambda one: (one[1].st_mtime, one[0])):
        old = keep.days is not None and now_s - state.st_mtime > keep.days * _DAY_S
        if old or (keep.bytes is not None and total > keep.bytes):
            total -= state.st_size
            yield part


def _removable(folder: Path, own: str) -> Iterator[Part]:
    for chain, files in parts(folder).items():
        yield from files[:-1]
        if chain != own and not in_use(files[-1].path):
            yield files[-1]


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Say whether no other gateway does the same at this moment."""
    fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)
