"""International bank account numbers (ISO 13616): length and form by country, and two check digits."""

from __future__ import annotations

from functools import cache
from typing import Any

from deployments.pii.detector import Detector, Place, pattern

_IBAN = pattern(rb"\b[A-Z]{2}[0-9]{2}(?:[ \-]?[A-Z0-9]{1,30}){1,8}\b|\b[a-z]{2}[0-9]{2}[a-z0-9]{11,30}\b")
_TELL = rb"\b(?:[A-Z]{2}|[a-z]{2})[0-9]{2}[ \-]?[A-Za-z0-9]"
# How many characters each country's have, by its registry.
_REGISTRY = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
    "SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
_LENGTHS = {one[:2]: int(one[2:]) for one in _REGISTRY.split()}


def _check(place: Place) -> int | None:
    found, length = place.found, _LENGTHS.get(place.found[:2].upper(), 0)
    if not length or sum(map(str.isalnum, found)) < length:
        return None
    for shorter in place.shorter():
        if sum(map(str.isalnum, shorter.found)) == length:
            return shorter.end if not shorter.goes_on and _iban().is_valid(shorter.found) else None
    return None


@cache
def _iban() -> Any:
    from stdnum import iban  # noqa: PLC0415 - see identity

    return iban


IBAN = Detector("IBAN", _IBAN, _check, _TELL)
