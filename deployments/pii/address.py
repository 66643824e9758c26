"""Addresses of the Internet Protocol, but for those that every machine has."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from deployments.pii import wording
from deployments.pii.detector import Detector, Place, pattern

_V4 = pattern(rb"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b")
_V6 = pattern(rb"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})")
_V4_TELL, _V6_TELL = rb"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]", rb":[0-9A-Fa-f]{0,4}:"
_LEAST_HEX = 3


def _v4(place: Place) -> int | None:
    if chr(place.previous) in ".-_" or (place.goes_on and place.next in b".-_"):
        return None
    if place.near(wording.VERSIONS, within=12) or place.text[max(0, place.start - 1) : place.start] in ("v", "V"):
        return None
    return place.end if _is_someones(place.found) else None


def _v6(place: Place) -> int | None:
    if chr(place.previous).isalnum() or place.previous in b":." or chr(place.next).isalnum() or place.next in b":":
        return None
    hexes = [char for char in place.found if char.isalnum()]
    if len(hexes) < _LEAST_HEX or not any(char.isdigit() for char in hexes):
        return None  # ``a::b`` is a name in C++
    return place.end if _is_someones(place.found) else None


def _is_someones(found: str) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address(found)
    except ValueError:
        return False
    everywhere = address.is_loopback or address.is_unspecified or address.is_multicast
    return not everywhere and not (address.version == 4 and int(address) >= 240 << 24)  # noqa: PLR2004


ADDRESSES: Sequence[Detector] = (Detector("IP", _V4, _v4, _V4_TELL), Detector("IP", _V6, _v6, _V6_TELL))
