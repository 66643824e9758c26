"""A bounded mapping of answers in which no tenant can push out what others have within their part."""

from __future__ import annotations

from collections import OrderedDict

from cachetools import Cache

from deployments.answers.kept import Kept


class _Share:
    """One tenant's keys, the longest unused first, and the bytes of what they lead to."""

    def __init__(self) -> None:
        self.keys: OrderedDict[bytes, None] = OrderedDict()
        self.size = 0


class SharedLRU(Cache[bytes, Kept]):
    """Holds *most_bytes*; room is made by what has not been used longest of the tenant that has most."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(most_bytes, getsizeof=lambda kept: kept.size)
        self._shares: dict[str, _Share] = {}
        self._owners: dict[bytes, str] = {}

    def __getitem__(self, key: bytes) -> Kept:
        kept = super().__getitem__(key)
        self._shares[self._owners[key]].keys.move_to_end(key)
        return kept

    def __setitem__(self, key: bytes, kept: Kept) -> None:
        if key in self:
            del self[key]
        super().__setitem__(key, kept)
        owner = self._owners[key] = _tenant(kept)
        share = self._shares.setdefault(owner, _Share())
        share.keys[key] = None
        share.size += kept.size

    def __delitem__(self, key: bytes) -> None:
        size = super().__getitem__(key).size
        super().__delitem__(key)
        owner = self._owners.pop(key)
        share = self._shares[owner]
        del share.keys[key]
        share.size -= size
        if not share.keys:
            del self._shares[owner]

    def popitem(self) -> tuple[bytes, Kept]:
        """Remove and return what makes room; raises KeyError where nothing is left."""
        if not self._shares:
            raise KeyError("the cache is empty")
        share = max(self._shares.values(), key=lambda share: share.size)
        key = next(iter(share.keys))
        return key, self.pop(key)


def _tenant(kept: Kept) -> str:
    return next((label for label in kept.labels if label.startswith("tenant=")), "")
