"""Lists of words, as long as they come, looked for all at once (Aho and Corasick, 1975).

Case and width count for nothing. A Latin word is found as a word of its own, so that a part of a longer one is none;
where a word begins or ends with another script's character, whatever stands there may go on.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deployments.errors import Misconfigured
from deployments.finding import Segment

WORD = "WORD"
MOST_WORDS, MOST_CHARS = 1_000_000, 128
# By so many characters most texts are told from the words of a list at once.
_HEAD = 4
_FULL_WIDTH = range(0xFF01, 0xFF5F)
# What may begin a word of a list: a Latin word as a whole, any other character by itself.
_BEGINNING = re.compile(r"[0-9A-Za-z]+|[^0-9A-Za-z]")


class _Table(dict[int, int]):
    def __missing__(self, code: int) -> int:
        narrow = code - 0xFEE0 if code in _FULL_WIDTH else code
        lower = chr(narrow).lower()
        self[code] = ord(lower) if len(lower) == 1 else narrow
        return self[code]


_TABLE = _Table()


def read_words(path: str) -> list[str]:
    """Return the lines of a file in UTF-8, but for empty ones and those that begin with ``#``; raises Misconfigured."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the words of a guard cannot be read from {path}: {error}") from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


class WordList:
    """A list made ready; raises Misconfigured for no words, too many, or too long ones."""

    def __init__(self, words: Iterable[str]) -> None:
        from ahocorasick_rs import AhoCorasick  # noqa: PLC0415 - most gateways have no such list

        self._sorted = sorted({_folded(word) for word in words if word})
        if not 0 < len(self._sorted) <= MOST_WORDS:
            raise Misconfigured(f"a guard has {len(self._sorted)} words; give 1 to {MOST_WORDS}")
        self.longest = max(map(len, self._sorted))
        if self.longest > MOST_CHARS:
            raise Misconfigured(f"a guard has a word of {self.longest} characters; give at most {MOST_CHARS}")
        self._heads = frozenset(word[:length] for word in self._sorted for length in (1, 2, _HEAD))
        self._automaton: Any = AhoCorasick(self._sorted)

    def begins(self, text: str) -> bool:
        """Say whether a word may begin with all of *text*, or be it."""
        if text[:2] not in self._heads or (len(text) >= _HEAD and text[:_HEAD] not in self._heads):
            return False
        at = bisect_left(self._sorted, text)
        return at < len(self._sorted) and self._sorted[at].startswith(text)

    def matches(self, text: str) -> dict[int, int]:
        """Return where words begin in *text*, which is folded, each with where the longest ends that begins there."""
        ends: dict[int, int] = {}
        for _, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if end > ends.get(start, 0) and not _is_inside(text, start) and not _is_inside(text, end):
                ends[start] = end
        return ends


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_TABLE)


def _is_inside(text: str, at: int) -> bool:
    """Say whether *at* is between two characters of one Latin word."""
    return 0 < at < len(text) and text[at - 1 : at + 1].isascii() and text[at - 1 : at + 1].isalnum()


class Words:
    """Finds the words of a list in one text."""

    def __init__(self, words: WordList) -> None:
        self._words = words
        self.hold_back = words.longest
        # Up to ``_at`` all is decided; one character before it is kept, by which a word begins or does not.
        self._text, self._folded, self._at = "", "", 0

    def feed(self, text: str) -> list[Segment]:
        """Give out all but what may be the beginning of a word."""
        self._text += text
        self._folded += _folded(text)
        return self._decided(self._unsure())

    def end(self, text: str = "") -> list[Segment]:
        """Take the last piece; give out the rest."""
        if text:
            self._text += text
            self._folded += _folded(text)
        return self._decided(len(self._text))

    def _unsure(self) -> int:
        """Return where the first word may begin that what comes may go on with."""
        folded, begins = self._folded, self._words.begins
        length = len(folded)
        least = max(self._at, length - self._words.longest)
        for beginning in _BEGINNING.finditer(folded, least):
            at = beginning.start()
            if begins(folded[at:]) and not (at == least and _is_inside(folded, at)):
                return at
        return length

    def _decided(self, limit: int) -> list[Segment]:
        at = self._at
        if limit <= at:
            return []
        found: list[Segment] = []
        ends = self._words.matches(self._folded)
        for start in sorted(ends):
            if at <= start < limit:
                found += [Segment(self._text[at:start]), Segment(self._text[start : ends[start]], WORD)]
                at = ends[start]
        limit = max(at, limit)
        found.append(Segment(self._text[at:limit]))
        kept = max(0, limit - 1)
        self._text, self._folded, self._at = self._text[kept:], self._folded[kept:], limit - kept
        return [segment for segment in found if segment.text]
