"""People's names, which only a model can tell: what it told, and where that stands in a text."""

from __future__ import annotations

import string
import sys
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence

from deployments.finding import Segment
from deployments.pii.scanner import KINDS, Span, find

NAME = "NAME"
# A single character stands in other words too, above all in Chinese ones; what is longer is a sentence.
LEAST_NAME, MOST_NAME = 2, 64
_AROUND = string.whitespace + string.punctuation + "，。、；：！？（）《》「」“”‘’…"


class KnownNames:
    """Finds given names wherever they stand as they are written; of two that begin together, the longer.

    Where words have spaces between them a name is whole words, elsewhere it may stand anywhere.
    """

    def __init__(self, names: Iterable[str]) -> None:
        # JSON source has characters beyond 16 bits in two halves.
        self._names = {written for name in names for written in (name, _halved(name))}

    def find(self, text: str, beside: Sequence[Span] = ()) -> list[Span]:
        """Return them in order; none overlaps another, nor one of *beside*, which are in order and apart."""
        starts = [span.start for span in beside]
        found: list[Span] = []
        for start, length in sorted((at, -len(name)) for name in self._names for at in _places(text, name)):
            end, at = start - length, bisect_right(starts, start)
            is_free = (at == 0 or beside[at - 1].end <= start) and (at == len(beside) or end <= beside[at].start)
            if is_free and (not found or found[-1].end <= start):
                found.append(Span(NAME, start, end))
        return found


def find_with_names(text: str, names: KnownNames, kinds: Collection[str] = KINDS) -> list[Span]:
    """Return everything that ``find`` does, and the names outside of that."""
    found = find(text, kinds)
    return sorted((*found, *names.find(text, found)), key=lambda span: span.start)


class BesideNames:
    """Finds personal data of *kinds*, and *names*, in one text, which has to be there whole."""

    hold_back = sys.maxsize

    def __init__(self, kinds: Collection[str], names: KnownNames) -> None:
        self._kinds, self._names = kinds, names
        self._pieces: list[str] = []

    def feed(self, text: str) -> list[Segment]:
        """Give out nothing yet."""
        self._pieces.append(text)
        return []

    def end(self, text: str = "") -> list[Segment]:
        """Take the last piece; return the whole text."""
        text, self._pieces = "".join((*self._pieces, text)), []
        segments, at = [], 0
        for span in find_with_names(text, self._names, self._kinds):
            segments += [Segment(text[at : span.start]), Segment(text[span.start : span.end], span.kind)]
            at = span.end
        return [segment for segment in (*segments, Segment(text[at:])) if segment.text]


def likely(told: Iterable[str], text: str) -> list[str]:
    """Return what of *told*, by whoever read *text*, can be a name and is in it, without the marks around it."""
    bare = dict.fromkeys(one.strip(_AROUND) for one in told)
    return [
        one for one in bare
        if LEAST_NAME <= len(one) <= MOST_NAME and any(map(str.isalpha, one)) and one in text
    ]  # fmt: skip


def pieces(text: str, most: int) -> list[str]:
    """Cut *text* in pieces of at most *most* characters, so that no name is in none of them as a whole."""
    return [text[at : at + most] for at in range(0, max(1, len(text) - MOST_NAME), most - MOST_NAME)]


def _places(text: str, name: str) -> Iterator[int]:
    at = text.find(name)
    while at >= 0:
        if not _is_inside(text, at) and not _is_inside(text, at + len(name)):
            yield at
        at = text.find(name, at + 1)


def _is_inside(text: str, at: int) -> bool:
    """Say whether *at* is between two characters of one word of a script that puts spaces between words."""
    return 0 < at < len(text) and _is_spaced(text[at - 1]) and _is_spaced(text[at])


def _is_spaced(char: str) -> bool:
    """Say whether *char* is a digit, or a letter of Latin, Greek, Cyrillic or Armenian script."""
    return char.isalnum() and (char < "\u0590" or "\u1e00" <= char < "\u2000")


def _halved(name: str) -> str:
    units = name.encode("utf-16-le")
    return "".join(chr(int.from_bytes(units[at : at + 2], "little")) for at in range(0, len(units), 2))
