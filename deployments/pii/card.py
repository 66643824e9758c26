"""Numbers of payment cards: who issues them (ISO/IEC 7812), how long they then are, and Luhn's digit."""

from __future__ import annotations

from functools import cache
from typing import Any

from deployments.pii import wording
from deployments.pii.detector import Detector, Place, pattern

_CARD = pattern(rb"\b[0-9]{1,19}(?:[ \-]?[0-9]{1,19}){0,5}\b")
_LEAST, _MOST = 12, 19
_GROUP = 4

# First and last number of a range of issuers, by its digits; and the lengths of its cards.
_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (4, 4, frozenset({13, 16, 19})),
    (51, 55, frozenset({16})),
    (2221, 2720, frozenset({16})),
    (34, 34, frozenset({15})),
    (37, 37, frozenset({15})),
    (62, 62, frozenset(range(16, 20))),
    (81, 81, frozenset(range(16, 20))),
    (6011, 6011, frozenset(range(16, 20))),
    (644, 659, frozenset(range(16, 20))),
    (3528, 3589, frozenset(range(16, 20))),
    (300, 305, frozenset({14, 16})),
    (36, 36, frozenset({14, 16})),
    (38, 39, frozenset({14, 16})),
    (2200, 2204, frozenset({16})),
    (9792, 9792, frozenset({16})),
    (60, 60, frozenset({16})),
)
# The same by every beginning that there is: the first digits of most numbers are none.
_LENGTHS = {
    str(beginning): frozenset().union(*(
        lengths for first, last, lengths in _ISSUERS
        if len(str(first)) == len(str(beginning)) and first <= beginning <= last
    ))
    for first, last, _ in _ISSUERS for beginning in range(first, last + 1)
}  # fmt: skip
_BEGINNINGS = sorted({len(beginning) for beginning in _LENGTHS})
# What all of them begin with.
_FIRST = b"2345689"
_TELL = rb"\b[2345689](?:[ \-]?[0-9]){11,18}\b"
# Issued by so many that only a word before tells a card from another number.
_MAESTRO = (50, 56, 57, 58, 63, 67, 69)


def _check(place: Place) -> int | None:
    # The cheapest first: columns of numbers begin one at each of theirs.
    if place.data[place.start] not in _FIRST or chr(place.previous) in ".+$":
        return None
    groups, said = place.found.replace("-", " ").split(), place.near(wording.CARD)
    if not (said or _may_be_grouped(groups)) or sum(map(len, groups)) < _LEAST or place.is_things(wording.CARD):
        return None
    for shorter in place.shorter():
        digits = shorter.found.replace(" ", "").replace("-", "")
        if not _LEAST <= len(digits) <= _MOST or shorter.goes_on:
            continue
        if (said or _is_grouped(shorter.found)) and _is_issued(digits, said=said) and _luhn().is_valid(digits):
            return shorter.end
    return None


def _is_grouped(found: str) -> bool:
    """Say whether the digits stand as on a card: in one, in fours, or 4-6-5 and 4-6-4."""
    groups = [len(group) for group in found.replace("-", " ").split()]
    fours = all(group == _GROUP for group in groups[:-1]) and groups[-1] <= _GROUP
    return len(groups) == 1 or fours or groups in ([4, 6, 5], [4, 6, 4])


def _may_be_grouped(groups: list[str]) -> bool:
    """Say whether the digits may stand as on a card once some of the last groups are left out."""
    return len(groups[0]) == _GROUP or len(groups[0]) >= _LEAST


def _is_issued(digits: str, *, said: bool) -> bool:
    known = any(len(digits) in _LENGTHS.get(digits[:beginning], ()) for beginning in _BEGINNINGS)
    return known or (said and int(digits[:2]) in _MAESTRO)


@cache
def _luhn() -> Any:
    from stdnum import luhn  # noqa: PLC0415 - see identity

    return luhn


CARD = Detector("CARD", _CARD, _check, _TELL)
