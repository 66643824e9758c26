"""A mapping that forgets its oldest entries, those of whoever has most of them first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Generic, TypeVar

Value = TypeVar("Value")


def nobodys() -> str:
    """Say that an entry is nobody's in particular."""
    return ""


class _Share:
    """The keys of one owner, oldest first, and what they weigh."""

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.weight = 0


class _Entry(Generic[Value]):
    __slots__ = ("owner", "value", "weight")

    def __init__(self, value: Value, weight: int, owner: str) -> None:
        self.value, self.weight, self.owner = value, weight, owner


class Bounded(MutableMapping[str, Value]):
    """Holds at most *entries* entries that together weigh at most *size*; an entry that is set again is young again.

    *whose* is asked for the owner of an entry that is set. Where there are too many, the oldest goes of whoever has
    most, or where they are too heavy of whoever's are heaviest together: nobody loses by what others keep as long as it
    has no more than its part.
    """

    def __init__(
        self, *, entries: int, size: int, weigh: Callable[[Value], int], whose: Callable[[], str] = nobodys
    ) -> None:
        self._entries, self._size, self._weigh, self._whose = entries, size, weigh, whose
        self._held: dict[str, _Entry[Value]] = {}
        self._shares: dict[str, _Share] = {}
        self._weight = 0

    def __setitem__(self, key: str, value: Value) -> None:
        """Keep *value* for whoever sets it."""
        self.keep(key, value, self._whose())

    def keep(self, key: str, value: Value, owner: str) -> None:
        """Keep *value* for *owner*, and forget what is too much; what is too heavy by itself is not kept."""
        self.pop(key, None)
        weight = self._weigh(value)
        if weight > self._size:
            return
        share = self._shares.setdefault(owner, _Share())
        self._held[key] = _Entry(value, weight, owner)
        share.keys[key] = None
        share.weight += weight
        self._weight += weight
        while len(self._held) > self._entries:
            self._forget(max(self._shares.values(), key=lambda share: len(share.keys)))
        while self._weight > self._size:
            self._forget(max(self._shares.values(), key=lambda share: share.weight))

    def __getitem__(self, key: str) -> Value:
        return self._held[key].value

    def __delitem__(self, key: str) -> None:
        entry = self._held.pop(key)
        self._weight -= entry.weight
        share = self._shares[entry.owner]
        del share.keys[key]
        share.weight -= entry.weight
        if not share.keys:
            del self._shares[entry.owner]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def _forget(self, share: _Share) -> None:
        del self[next(iter(share.keys))]
