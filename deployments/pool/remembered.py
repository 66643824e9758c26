"""What one gateway remembers of the prompts that it sent to a replica: a guess at that replica's prefix cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

LEAST_BLOCKS = 256


class SentPrompts:
    """Holds the names of the latest blocks; as many as the replica's KV cache, which forgets the oldest too."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[bytes, None] = OrderedDict()
        self._sessions: OrderedDict[str, None] = OrderedDict()

    def add(self, blocks: Sequence[bytes], session: str | None, *, capacity: int) -> None:
        """Note that a prompt was sent."""
        # From the end, so that a prefix outlives what follows it, as in the engine's cache.
        for name in reversed(blocks):
            _touch(self._blocks, name, max(LEAST_BLOCKS, capacity))
        if session is not None:
            _touch(self._sessions, session, max(LEAST_BLOCKS, capacity))

    def matched(self, blocks: Sequence[bytes]) -> int:
        """Return how many of the leading *blocks* have been sent."""
        # A block's name covers all before it, so the longest known prefix is found by bisection.
        low, high = 0, len(blocks)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if blocks[middle - 1] in self._blocks else (low, middle - 1)
        return low

    def knows(self, session: str) -> bool:
        """Say whether *session* was here lately."""
        return session in self._sessions


def _touch(held: OrderedDict[Any, None], key: Any, capacity: int) -> None:
    held[key] = None
    held.move_to_end(key)
    while len(held) > capacity:
        held.popitem(last=False)
