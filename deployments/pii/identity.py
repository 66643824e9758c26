"""Numbers by which states know people; python-stdnum knows their check digits.

Those with a form of their own are found anywhere, the others behind a word that says what they are. The library is
imported when the first candidate is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import import_module
from typing import Any

import re2

from deployments.pii.detector import WIDTH, Detector, Place, latin1, pattern
from deployments.pii.wording import Words


@dataclass(frozen=True, slots=True)
class Number:
    """One country's: its module in the library, its form, and the words one of which must stand before."""

    module: str
    form: Any
    words: Words | None = None

    def end(self, place: Place) -> int | None:
        """Return where such a number ends that begins at *place*, None where there is none."""
        match = self.form.match(place.data, place.start)
        if match is None or (self.words is not None and not place.near(self.words)):
            return None
        found = match.group().decode("latin-1")
        return int(match.end()) if _checked(self.module, found) else None


@cache
def _module(name: str) -> Any:
    return import_module(f"stdnum.{name}")


def _checked(module: str, found: str) -> bool:
    return _OWN[module](found) if module in _OWN else bool(_module(module).is_valid(found))


def _hong_kong(found: str) -> bool:
    letters, rest = found[:-9], found[-9:]
    head = [ord(letter) - ord("A") + 10 for letter in letters.rjust(2)] if len(letters) > 1 else [36, ord(letters) - 55]
    check = 10 if rest[7] == "A" else int(rest[7])
    weights = range(9, 1, -1)
    values = [*head, *map(int, rest[:6])]
    return (sum(weight * value for weight, value in zip(weights, values, strict=True)) + check) % 11 == 0


_TAIWAN = "ABCDEFGHJKLMNPQRSTUVXYWZIO"


def _taiwan(found: str) -> bool:
    area = _TAIWAN.index(found[0]) + 10
    values = [area // 10, area % 10, *map(int, found[1:])]
    return (
        sum(weight * value for weight, value in zip((1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), values, strict=True)) % 10 == 0
    )


def _china(found: str) -> bool:
    """Check date and digit (GB 11643); a district may be newer than its people, so that the library's list misleads."""
    number = found.replace(" ", "").replace("-", "").upper()
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return number[:2] in _PROVINCES and bool(_module("iso7064.mod_11_2").is_valid(number))


_CODES = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
_PROVINCES = frozenset(_CODES.split())
_OWN = {"cn": _china, "hk": _hong_kong, "tw": _taiwan}

_CHINA_FORM = rb"\b[1-9][0-9]{5}[ \-]?[12][0-9]{7}[ \-]?[0-9]{3}[0-9Xx]\b"
_CHINA = Number("cn", pattern(_CHINA_FORM))
_SSN = Number("us.ssn", pattern(rb"\b[0-9]{3}[\- ][0-9]{2}[\- ][0-9]{4}\b"))
_ITIN = Number("us.itin", pattern(rb"\b9[0-9]{2}[\- ][0-9]{2}[\- ][0-9]{4}\b"))
_BARE_SSN = Number("us.ssn", pattern(rb"\b[0-9]{9}\b"), Words("ssn, social security", "社会安全号 社安号"))

_OTHERS: Sequence[tuple[str, bytes, str]] = (
    ("hk", rb"[A-Z]{1,2}[0-9]{6}\([0-9A]\)", ""),
    ("tw", rb"[A-Z][1289][0-9]{8}\b", ""),
    ("es.dni", rb"[0-9]{8}-?[A-Z]\b", ""),
    ("es.nie", rb"[XYZ]-?[0-9]{7}-?[A-Z]\b", ""),
    ("it.codicefiscale", rb"[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPR-T][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]\b", ""),
    ("fr.nir", rb"[12] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b", ""),
    ("br.cpf", rb"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}\b", ""),
    ("kr.rrn", rb"[0-9]{6}-[0-9]{7}\b", ""),
    ("fi.hetu", rb"[0-9]{6}[\-+A][0-9]{3}[0-9A-Z]\b", ""),
    ("mx.curp", rb"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]\b", ""),
    ("cl.rut", rb"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9kK]\b", ""),
    ("ch.ssn", rb"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}\b", ""),
    ("my.nric", rb"[0-9]{6}-[0-9]{2}-[0-9]{4}\b", ""),
    ("th.pin", rb"[0-9]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]\b", ""),
    ("in_.aadhaar", rb"[0-9]{4} ?[0-9]{4} ?[0-9]{4}\b", "aadhaar, uidai"),
    ("gb.nhs", rb"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}\b", "nhs"),
    ("ca.sin", rb"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{3}\b", "social insurance, sin"),
    ("au.tfn", rb"[0-9]{3} ?[0-9]{3} ?[0-9]{2,3}\b", "tax file, tfn"),
    ("jp.in_", rb"[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]{4}\b", "my number, individual number"),
    ("de.idnr", rb"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", "steuer, steuer-id, idnr, tax id"),
    ("nl.bsn", rb"[0-9]{9}\b", "bsn, burgerservicenummer"),
    ("pl.pesel", rb"[0-9]{11}\b", "pesel"),
    ("se.personnummer", rb"[0-9]{6}(?:[0-9]{2})?[\-+]?[0-9]{4}\b", "personnummer, personal number"),
    ("dk.cpr", rb"[0-9]{6}-?[0-9]{4}\b", "cpr"),
    ("tr.tckimlik", rb"[0-9]{11}\b", "kimlik, tckn"),
    ("za.idnr", rb"[0-9]{13}\b", "id number, identity number"),
)
_NUMBERS = tuple(
    Number(module, pattern(rb"\b" + form), Words(words) if words else None) for module, form, words in _OTHERS
)
_ANY_FORM = rb"\b(?:" + rb"|".join(form for _, form, _ in _OTHERS) + rb")"
_ANY, _SSN_FORM = pattern(_ANY_FORM), rb"\b[0-9]{3}[\- ]?[0-9]{2}[\- ]?[0-9]{4}\b"
# All forms asked at once, which of them a text begins with.
_FORMS = re2.Set.MatchSet(latin1())
for _, _form, _ in _OTHERS:
    _FORMS.Add(rb"\b" + _form)
_FORMS.Compile()
_ANY_WORD = Words(",".join(words for _, _, words in _OTHERS if words))


def _is_part(place: Place) -> bool:
    return chr(place.previous) in ".-/_#" or place.is_things()


def _resident(place: Place) -> int | None:
    return None if place.goes_on and place.next != ord(":") else _CHINA.end(place)


def _social_security(place: Place) -> int | None:
    if _is_part(place) or place.goes_on:
        return None
    return next((end for number in (_SSN, _ITIN, _BARE_SSN) if (end := number.end(place)) is not None), None)


def _other(place: Place) -> int | None:
    # No form is as long as a match can be; where one begins, a word does, whatever stands before.
    formed = [_NUMBERS[at] for at in sorted(_FORMS.Match(place.data[place.start : place.start + WIDTH]) or ())]
    if any(number.words is not None for number in formed) and not place.near(_ANY_WORD):
        formed = [number for number in formed if number.words is None]
    if not formed or _is_part(place):
        return None
    ends = (end for number in formed if (end := number.end(place)) is not None)
    return next((end for end in ends if not place.cut(end).goes_on), None)


CHINESE_ID = Detector("CN_ID", _CHINA.form, _resident, _CHINA_FORM)
SSN = Detector("SSN", pattern(_SSN_FORM), _social_security, _SSN_FORM)
OTHER_ID = Detector("ID", _ANY, _other, _ANY_FORM)
