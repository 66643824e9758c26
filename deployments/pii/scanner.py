"""The search for everything at once, in a text that is there or in one that is still coming.

What is found at a place depends on a bounded stretch of text around it and on where the match before ended, and on
nothing else. The scanner goes from left to right and decides on a place once that stretch is there; a whole text is
one that comes in one piece. So a stream is cut exactly as the whole text is, however it is split.

The stretch ends at a character that no match can hold (``is_break``), most often the end of a word, and at the latest
after the width of the widest match.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import NamedTuple

from deployments.finding import Segment
from deployments.pii.address import ADDRESSES
from deployments.pii.card import CARD
from deployments.pii.detector import AFTER, BEFORE, GLUE, WIDTH, Detector, Place, is_break
from deployments.pii.email import EMAIL
from deployments.pii.folding import folded
from deployments.pii.iban import IBAN
from deployments.pii.identity import CHINESE_ID, OTHER_ID, SSN
from deployments.pii.phone import PHONES
from deployments.pii.secret import KNOWN_SECRET, PIECE, RANDOM_SECRET, rest
from deployments.pii.tells import Tells

# Of two matches that begin at the same place, the one that is listed first counts.
DETECTORS: Sequence[Detector] = (
    EMAIL, KNOWN_SECRET, IBAN, CHINESE_ID, SSN, CARD, *ADDRESSES, OTHER_ID, *PHONES, RANDOM_SECRET,
)  # fmt: skip
KINDS: frozenset[str] = frozenset(one.kind for one in DETECTORS)

_NOWHERE = 2**62
# Candidates for which the libraries are asked, none of them anybody's.
_CANDIDATES = (
    "tel 138 0013 8000, +1 415 555 2671, card 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, 11010519491231002X, "
    "529.982.247-25, 536-90-4399"
)


class Span(NamedTuple):
    """Something found: its kind, and where it begins and ends."""

    kind: str
    start: int
    end: int


class _Match(NamedTuple):
    start: int
    rank: int
    end: int


class Scanner:
    """Finds personal data of *kinds* in one text as it comes."""

    hold_back = WIDTH + AFTER

    def __init__(self, kinds: Collection[str] = KINDS) -> None:
        self._detectors, self._tells = _looked_for(frozenset(kinds))
        # Up to ``_at`` all is decided; a little before it is kept for checks that look back.
        self._text, self._data, self._at = "", b"", 0
        self._open = False

    def feed(self, text: str) -> list[Segment]:
        """Take the next piece; return what is certain by now."""
        self._text += text
        self._data += folded(text)
        return self._decided(max(self._at, _after_last_break(self._data, self._at)))

    def end(self, text: str = "") -> list[Segment]:
        """Take the last piece, which may be all of the text; return the rest."""
        if text:
            self._text += text
            self._data += folded(text)
        return self._decided(len(self._text))

    def _decided(self, limit: int) -> list[Segment]:
        """Cut the text up to *limit*, or up to the end of a match that begins before."""
        at = self._at
        if limit <= at:
            return []
        found: list[Segment] = []
        while self._open and at < limit:
            at = self._gone_on(at, found)
        nexts = [_Match(-1, rank, -1) for rank in self._tells.within(self._data, at)] if at < limit else []
        if not nexts and not found:  # as most often
            found.append(self._piece(at, limit))
            self._forget(limit)
            return found
        while nexts and at < limit:
            nexts = [self._next(one.rank, at, limit) if one.start < at else one for one in nexts]
            first = min(nexts)
            if first.start >= limit:
                break
            found += self._piece(at, first.start), self._piece(first.start, first.end, first.rank)
            at = first.end
            self._open = self._goes_on(first)
            while self._open and at < limit:
                at = self._gone_on(at, found)
        found.append(self._piece(at, max(at, limit)))
        self._forget(max(at, limit))
        return [segment for segment in found if segment.text]

    def _next(self, rank: int, at: int, limit: int) -> _Match:
        """Return the first match of a detector that begins *at* or later, and before *limit*."""
        detector = self._detectors[rank]
        while (match := detector.pattern.search(self._data, at)) is not None:
            start, end = match.span()
            if start >= limit:
                break
            checked = detector.check(Place(self._text, self._data, start, end))
            if checked is not None:
                return _Match(start, rank, checked)
            at = start + 1
        return _Match(_NOWHERE, rank, _NOWHERE)

    def _goes_on(self, match: _Match) -> bool:
        return self._detectors[match.rank].kind == KNOWN_SECRET.kind and match.end - match.start >= PIECE

    def _gone_on(self, at: int, found: list[Segment]) -> int:
        """Take a further piece of a long secret."""
        end = rest(self._data, at)
        if end > at:
            found.append(Segment(self._text[at:end], KNOWN_SECRET.kind))
        self._open = end - at >= PIECE
        return end

    def _piece(self, start: int, end: int, rank: int | None = None) -> Segment:
        return Segment(self._text[start:end], "" if rank is None else self._detectors[rank].kind)

    def _forget(self, until: int) -> None:
        kept = max(0, until - BEFORE)
        self._text, self._data, self._at = self._text[kept:], self._data[kept:], until - kept


@cache
def _looked_for(kinds: frozenset[str]) -> tuple[Sequence[Detector], Tells]:
    detectors = tuple(one for one in DETECTORS if one.kind in kinds)
    return detectors, Tells(detectors)


def _after_last_break(data: bytes, at: int) -> int:
    """Return up to where it is known, whatever follows, what begins there: no further back than a match is wide."""
    least = max(at, len(data) - WIDTH - AFTER)
    end = len(data)
    while end > least:
        end = len(data[least:end].rstrip(GLUE)) + least
        if end > least and is_break(data, end - 1):
            return end
        end -= 1
    return least


def find(text: str, kinds: Collection[str] = KINDS) -> list[Span]:
    """Return everything that is found in a whole text."""
    scanner = Scanner(kinds)
    spans, at = [], 0
    for segment in scanner.end(text):
        if segment.kind:
            spans.append(Span(segment.kind, at, at + len(segment.text)))
        at += len(segment.text)
    return spans


def warm(kinds: Collection[str] = KINDS) -> None:
    """Import the libraries now that the first candidates would else wait for, which takes some tenths of a second."""
    find(_CANDIDATES, kinds)
