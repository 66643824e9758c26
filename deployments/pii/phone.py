"""Phone numbers, international and as they are written at home; libphonenumber knows which are real."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from deployments.pii import wording
from deployments.pii.detector import Detector, Place, pattern

# Where numbers without a country code may be from.
REGIONS = ("CN", "US")

_GROUPS = rb"(?:[ .\-]?\(?[0-9]{1,12}\)?){1,6}"
_BEGINNING = pattern(rb"0[1-9][0-9]{8}|[48]00|1?[2-9][0-9]{2}[2-9][0-9]{6}")
_LEAST_DIGITS, _MOST_DIGITS = 7, 15
# Of a Chinese area with the 0 before it, or a service.
_AREA_DIGITS = range(3, 6)
_NO_DIGITS = bytes(code for code in range(256) if not chr(code).isascii() or not chr(code).isdigit())
_INTERNATIONAL = pattern(rb"(?:\+|\b00)[1-9][0-9]{0,14}" + _GROUPS + rb"|\+[1-9][0-9]{7,14}")
_MOBILE_FORM = rb"\b(?:86[ \-]?)?1[3-9][0-9](?:[ \-]?[0-9]{4}){2}\b"
_MOBILE = pattern(_MOBILE_FORM)
_NATIONAL = pattern(rb"(?:\([0-9]{2,5}\)|\b[0-9]{1,5})(?:[ .\-]?\(?[0-9]{2,8}\)?){1,4}\b")
# After a country code of 1 no other can be valid; the second 1 is dialled within North America.
_NORTH_AMERICAN = pattern(rb"11?(?:[2-9][0-9]{9}|3[0-9]{6})")
_DATE = pattern(rb"(?:19|20)[0-9]{2}[ .\-][0-9]{1,2}[ .\-][0-9]{1,2}\b")
# Without a country code, and being no mobile phone's, a Chinese number tells its area or its service.
_FORMS = {
    "CN": pattern(rb"0[1-9][0-9]{8,14}|[48]00[0-9]{7}"),
    "US": pattern(rb"1?[2-9][0-9]{2}[2-9][0-9]{6}"),
}
# As many digits as a number has at least, with what may stand between two; and the forms above, written so.
_GAP = rb"\)?[ .\-]?\(?"
_NEXT = _GAP + rb"[0-9]"
_INTERNATIONAL_TELL = rb"(?:\+|\b00)[1-9](?:" + _NEXT + rb"){6}"
_NATIONAL_TELL = (
    rb"\b(?:"
    + rb"|".join(
        (
            rb"0" + _GAP + rb"[1-9](?:" + _NEXT + rb"){8,14}",
            rb"[48]" + _GAP + rb"0" + _GAP + rb"0(?:" + _NEXT + rb"){7}",
            rb"(?:1" + _GAP + rb")?[2-9](?:" + _NEXT + rb"){2}" + _GAP + rb"[2-9](?:" + _NEXT + rb"){6}",
        )
    )
    + rb")\b"
)


def _international(place: Place) -> int | None:
    if chr(place.previous).isalnum() or place.previous in b"+.":
        return None
    said = place.near(wording.PHONE)
    for shorter in place.shorter():
        # A bracket that closes what was opened before the number.
        open_ = shorter.found.count("(") - shorter.found.count(")")
        whole = shorter.cut(shorter.end - 1) if open_ < 0 and shorter.found.endswith(")") else shorter
        number = whole.found if whole.found.startswith("+") else f"+{whole.found[2:]}"
        if _whole(whole) and _may_be_dialled(_digits(number), said=said) and _is_number(number, None, said=said):
            return whole.end
    return None


def _may_be_dialled(digits: str, *, said: bool) -> bool:
    """Say whether it is worth while to ask the library, which takes as long as a thousand patterns."""
    if not _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS:
        return False
    return said or digits[0] != "1" or _NORTH_AMERICAN.fullmatch(digits.encode()) is not None


def _mobile(place: Place) -> int | None:
    if _in_a_number(place) or place.is_things(wording.PHONE):
        return None
    digits = _digits(place.found)[-11:]
    return place.end if _is_number(digits, "CN") else None


def _national(place: Place) -> int | None:
    # The cheapest first: columns of numbers begin one at each of theirs.
    if not _BEGINNING.match(_digits(place.found).encode()) or _in_a_number(place):
        return None
    said = place.near(wording.PHONE)
    if not (said or _may_begin_so(_parts(place.found))):
        return None
    if _DATE.match(place.data, place.start) or place.is_things(wording.PHONE):
        return None
    for shorter in place.shorter():
        formed = _formed(shorter.found)
        if formed and _whole(shorter) and any(_is_from(shorter.found, region, said) for region in formed):
            return shorter.end
    return None


def _whole(place: Place) -> bool:
    """Say whether no digit follows, and brackets are in pairs."""
    return not chr(place.next).isalnum() and place.found.count("(") == place.found.count(")")


def _in_a_number(place: Place) -> bool:
    """Say whether the digits are part of a longer number: a decimal, a version, a range, a path."""
    before = place.data[max(0, place.start - 2) : place.start]
    joined = len(before) == 2 and before[1] in b".-_/" and chr(before[0]).isalnum()  # noqa: PLR2004 - both of them
    return joined or place.previous in b"+$#" or place.goes_on


def _formed(found: str) -> list[str]:
    """Return the regions of whose numbers *found* has the digits."""
    digits = _digits(found).encode()
    return [region for region in REGIONS if _FORMS[region].fullmatch(digits)]


def _is_from(found: str, region: str, said: bool) -> bool:
    if not said and not _may_be_written_so(_parts(found), region):
        return False
    return _is_number(_digits(found), region, said=said) and (said or _is_written_so(found, region))


def _may_begin_so(parts: list[str]) -> bool:
    """Say whether some of the first groups can be such as ``_is_written_so`` takes for a number's."""
    return (
        _may_be_written_so(parts[:3], "US")
        or _may_be_written_so(parts[:4], "US")
        or (_may_be_written_so(parts, "CN") and parts[0].startswith(("0", "400", "800")))
    )


def _may_be_written_so(parts: list[str], region: str) -> bool:
    """Say whether the groups are such as ``_is_written_so`` can take for a number's, which asks the library."""
    lengths = [len(part) for part in parts]
    if region == "US":
        return lengths == [3, 3, 4] or (parts[0] == "1" and lengths == [1, 3, 3, 4])
    return len(parts) > 1 and lengths[0] in _AREA_DIGITS


def _is_written_so(found: str, region: str) -> bool:
    """Say whether a number is grouped as people do in *region*, which a number of something else seldom is."""
    parts = _parts(found)
    area = _parts(_national_form(_digits(found), region))[0]
    begins = parts[1] if parts[0] == "1" and region == "US" and len(parts) > 1 else parts[0]
    if len(parts) == 1 or begins != area:
        return False
    return region != "US" or [len(part) for part in parts[-3:]] == [3, 3, 4]


def _parts(found: str) -> list[str]:
    return "".join(char if char.isdigit() else " " for char in found).split()


def _digits(found: str) -> str:
    return found.encode("latin-1").translate(None, _NO_DIGITS).decode()


def _is_number(number: str, region: str | None, *, said: bool = False) -> bool:
    """Say whether there is such a number; where a word before *said* so, one that might be given out will do."""
    library = _library()
    try:
        parsed = library.parse(number, region)
    except library.NumberParseException:
        return False
    return bool(library.is_valid_number(parsed) or (said and library.is_possible_number(parsed)))


def _national_form(digits: str, region: str) -> str:
    library = _library()
    number = library.parse(digits, region)
    return str(library.format_number(number, library.PhoneNumberFormat.NATIONAL))


@cache
def _library() -> Any:
    """Return libphonenumber, imported when the first number is seen."""
    import phonenumbers  # noqa: PLC0415

    return phonenumbers


PHONES: Sequence[Detector] = (
    Detector("PHONE", _INTERNATIONAL, _international, _INTERNATIONAL_TELL),
    Detector("PHONE", _MOBILE, _mobile, _MOBILE_FORM),
    Detector("PHONE", _NATIONAL, _national, _NATIONAL_TELL),
)
