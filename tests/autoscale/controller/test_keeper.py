"""What was not written is written later; what was written is not written twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from autoscale.controller.keeper import Keeper


class Disk:
    """Takes what is written while it is open."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.written: list[tuple[str, Mapping[str, Any]]] = []

    def write(self, part: str, plain: Mapping[str, Any]) -> None:
        """Wait as long as it is shut."""
        self.open.wait(10)
        self.written.append((part, plain))


async def test_what_has_not_changed_is_not_written_again() -> None:
    """Each part by itself."""
    disk = Disk()
    keeper = Keeper(disk.write)
    for part, size in (("a", 1), ("a", 1), ("b", 1), ("a", 2)):
        await keeper.keep(part, lambda size=size: {"size": size})  # type: ignore[misc]
    assert disk.written == [("a", {"size": 1}), ("b", {"size": 1}), ("a", {"size": 2})]


async def test_what_came_too_late_is_written_at_the_next_call() -> None:
    """Also when it has gone back to what was written before: the late one may have been written after all."""
    disk = Disk()
    keeper = Keeper(disk.write, deadline_s=0.05)
    await keeper.keep("a", lambda: {"size": 1})
    disk.open.clear()
    with pytest.raises(TimeoutError):
        await keeper.keep("a", lambda: {"size": 2})
    disk.open.set()
    keeper.deadline_s = 10.0
    await keeper.keep("a", lambda: {"size": 1})
    assert disk.written[-1] == ("a", {"size": 1})
    assert len(disk.written) == 3


async def test_what_failed_is_written_at_the_next_call() -> None:
    """Nobody has to change anything for that."""
    tries = list[int]()

    def write(part: str, plain: Mapping[str, Any]) -> None:
        tries.append(len(tries))
        if len(tries) == 1:
            raise OSError("away")

    keeper = Keeper(write)
    with pytest.raises(OSError, match="away"):
        await keeper.keep("a", lambda: {"size": 1})
    await keeper.keep("a", lambda: {"size": 1})
    await keeper.keep("a", lambda: {"size": 1})
    assert len(tries) == 2


async def test_no_part_waits_for_another() -> None:
    """One that cannot be written holds up nobody else."""
    stuck, written = threading.Event(), list[str]()

    def write(part: str, plain: Mapping[str, Any]) -> None:
        if part == "a":
            stuck.wait(10)
        written.append(part)

    keeper = Keeper(write)
    waiting = asyncio.create_task(keeper.keep("a", lambda: {"size": 1}))
    await asyncio.sleep(0)
    await asyncio.wait_for(keeper.keep("b", lambda: {"size": 1}), timeout=5)
    assert written == ["b"]
    stuck.set()
    await waiting
    assert written == ["b", "a"]
