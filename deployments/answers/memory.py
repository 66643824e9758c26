"""The first level of the answer cache: what this process holds, bounded by bytes.

The longest unused leaves first, of whichever tenant has most.
"""

from __future__ import annotations

from collections import OrderedDict

from deployments.answers.kept import Kept, Since, Word
from deployments.answers.shared_lru import SharedLRU

ALONE = Since("memory", 0)
# Labels that were forgotten, remembered for answers that were under way meanwhile.
_MOST_LABELS = 10_000


class Memory:
    """Answers in memory; what others had the second level forget is passed on to it by ``heard``."""

    def __init__(self, most_bytes: int) -> None:
        self._kept = SharedLRU(most_bytes)
        self._forgotten: OrderedDict[str, int] = OrderedDict()
        self._before = 0
        self.now = ALONE

    @property
    def size(self) -> int:
        """Return about how many bytes the answers take."""
        return int(self._kept.currsize)

    def get(self, key: bytes, now_s: float) -> Kept | None:
        """Return what may still be given, as far as was heard."""
        kept = self._kept.get(key)
        if kept is not None and now_s >= kept.until_s:
            del self._kept[key]
            return None
        return kept

    def put(self, key: bytes, kept: Kept) -> None:
        """Hold an answer, unless it is outdated or larger than all the room there is."""
        if self.trusts(kept) and kept.size <= self._kept.maxsize:
            self._kept[key] = kept

    def trusts(self, kept: Kept) -> bool:
        """Say whether an answer is of the store that is known, and nothing was heard of its being forgotten."""
        known = kept.since.store == self.now.store and kept.since.era >= self._before
        return known and not outdated(kept, self._forgotten)

    def drop(self, label: str) -> int:
        """Let go of the answers that have the label, and return how many that were."""
        return self._remove([key for key, kept in self._kept.items() if label in kept.labels])

    def heard(self, word: Word) -> int:
        """Forget what the word says, or everything where it is that of another store or of an older copy of it.

        Returns how many answers that were.
        """
        if word.now.store != self.now.store or word.now.era < self.now.era:
            gone, self._before = len(self._kept), 0
            self._kept.clear()
            self._forgotten.clear()
        else:
            gone = self._drop(word.forgotten) if word.forgotten else 0
        self.now = word.now
        self._remember(word.forgotten)
        return gone

    def _drop(self, forgotten: dict[str, int]) -> int:
        return self._remove([key for key, kept in self._kept.items() if outdated(kept, forgotten)])

    def _remove(self, gone: list[bytes]) -> int:
        for key in gone:
            del self._kept[key]
        return len(gone)

    def _remember(self, forgotten: dict[str, int]) -> None:
        for label, era in forgotten.items():
            self._forgotten[label] = max(era, self._forgotten.pop(label, 0))
        while len(self._forgotten) > _MOST_LABELS:
            # Which answers that concerns is not known any more: none that was begun by then is held.
            self._before = max(self._before, self._forgotten.popitem(last=False)[1])


def outdated(kept: Kept, forgotten: dict[str, int] | OrderedDict[str, int]) -> bool:
    """Say whether an answer was begun before one of its labels was forgotten."""
    return any(forgotten.get(label, 0) > kept.since.era for label in kept.labels)
