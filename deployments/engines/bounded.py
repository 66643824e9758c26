"""A mapping that forgets its oldest entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TypeVar

Value = TypeVar("Value")


class Bounded(MutableMapping[str, Value]):
    """Holds at most *entries* entries that together weigh at most *size*; an entry that is set again is young again."""

    def __init__(self, *, entries: int, size: int, weigh: Callable[[Value], int]) -> None:
        self._entries, self._size, self._weigh = entries, size, weigh
        self._held: dict[str, tuple[Value, int]] = {}
        self._weight = 0

    def __setitem__(self, key: str, value: Value) -> None:
        """Keep *value* and forget what is too much; a value that is too heavy by itself is not kept."""
        self.pop(key, None)
        weight = self._weigh(value)
        self._held[key] = value, weight
        self._weight += weight
        while len(self._held) > self._entries or self._weight > self._size:
            del self[next(iter(self._held))]

    def __getitem__(self, key: str) -> Value:
        return self._held[key][0]

    def __delitem__(self, key: str) -> None:
        self._weight -= self._held.pop(key)[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)
