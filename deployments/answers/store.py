"""The second level of the answer cache: what outlives a gateway, or is shared by several."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from deployments.answers.kept import Kept, Since, Word


class StoreFailedError(Exception):
    """A store cannot be reached, is full or is broken; the message is for the operator."""


class AnswerStore(Protocol):
    """Keeps answers by key, whose bytes mean nothing to it. Times are Unix seconds.

    Every call may raise StoreFailedError and may take long: callers give up on it by a time of their own. What has been
    forgotten is never found again, neither what was there nor what a ``put`` brings that began before; ``word`` tells
    others, who may hold copies.
    """

    async def get(self, key: bytes, now_s: float) -> Kept | None:
        """Return what is kept under *key* and may still be given."""
        ...

    async def put(self, answers: Mapping[bytes, Kept], now_s: float) -> Collection[bytes]:
        """Keep answers, and return the keys of those that were, and not forgotten before they came."""
        ...

    async def forget(self, label: str, at_s: float) -> int:
        """Forget every answer that has the label, also those under way, and return how many were found.

        *at_s* is when that was ordered, and tells orders apart: what has been carried out is not carried out again.
        """
        ...

    async def word(self, since: Since | None) -> Word:
        """Return the present moment and what was forgotten after *since*; everything where that is of another store."""
        ...

    async def close(self) -> None:
        """Let go of the store; nothing is lost that was put."""
        ...
