"""Disjoint processor cores for the engine replicas of one node.

A claim is a lock on one file a core; the kernel drops it when the process ends, however it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from deployments.errors import EngineFailed


class CoreClaim:
    """Cores that belong to this process until it releases them or ends."""

    def __init__(self, cores: Sequence[int], locks: Sequence[FileLock]) -> None:
        self.cores = tuple(cores)
        self._locks = tuple(locks)

    def release(self) -> None:
        """Give the cores back."""
        for lock in self._locks:
            lock.release()


def claim(count: int, available: Sequence[int], directory: Path) -> CoreClaim:
    """Claim *count* of the *available* cores that no other process on this node holds.

    Raises EngineFailed when fewer are free; the plan pins only where all replicas fit.
    """
    directory.mkdir(parents=True, exist_ok=True)
    cores: list[int] = []
    locks: list[FileLock] = []
    for core in available:
        if len(cores) == count:
            break
        lock = FileLock(directory / f"core-{core}.lock", blocking=False, is_singleton=False)
        try:
            lock.acquire()
        except Timeout:
            continue
        cores.append(core)
        locks.append(lock)
    held = CoreClaim(cores, locks)
    if len(cores) < count:
        held.release()
        raise EngineFailed(f"only {len(cores)} of {len(available)} cores are free and this replica binds {count}")
    return held
