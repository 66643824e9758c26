"""Several calls for one request at a time, until one of them has a first token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass

from deployments.request import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """One call under way: its stream, and the wait for the first frame of it."""

    at: int
    target: str
    began_s: float
    frames: AsyncGenerator[Frame]
    first: asyncio.Task[Frame]


class Race:
    """Owns every branch: whatever happens, ``close`` ends all that was started, and returns when it has ended."""

    def __init__(self) -> None:
        self.running: list[Branch] = []
        self._leaving: list[asyncio.Task[None]] = []

    def start(self, at: int, target: str, frames: AsyncGenerator[Frame], now_s: float) -> None:
        """Begin to wait for the first frame of one more branch."""
        first = asyncio.create_task(_first(frames), name=f"hedge branch {at} to {target}")
        self.running.append(Branch(at, target, now_s, frames, first))

    async def step(self, limit_s: float | None) -> list[Branch]:
        """Return the branches whose wait has ended, in the order of their start; none after *limit_s* seconds."""
        waits = [branch.first for branch in self.running]
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        return [branch for branch in self.running if branch.first.done()]

    def leave(self, branches: Collection[Branch]) -> None:
        """Close branches at once, without keeping anybody waiting for it."""
        self.running = [branch for branch in self.running if branch not in branches]
        self._leaving += [asyncio.create_task(_close(branch)) for branch in branches]

    async def close(self) -> None:
        """Close every branch that is left, and wait until all are."""
        self.leave(tuple(self.running))
        if self._leaving:
            await asyncio.wait(self._leaving)


async def _first(frames: AsyncGenerator[Frame]) -> Frame:
    return await anext(frames)


async def _close(branch: Branch) -> None:
    branch.first.cancel()
    await asyncio.wait([branch.first])
    if not branch.first.cancelled():
        branch.first.exception()  # taken note of, so that nobody warns of it
    await branch.frames.aclose()
