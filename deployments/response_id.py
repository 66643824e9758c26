"""Ids of stored responses, which say where the response is stored and for which tenant.

Both are encoded, not signed: what makes an id hard to guess is its random part, and one that was changed in any place
leads to a replica that knows no such id.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

_BETWEEN = "\n"  # in no name of a pool
_ID = re.compile(r"resp_[0-9a-f]{32}([A-Za-z0-9_-]{2,400})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The replica that keeps a response."""

    pool: str
    replica: str


def new_response_id(place: Place, owner: str = "") -> str:
    """Return an id that nobody can guess, fit for a URL's path; *owner* is the tenant whose response it is."""
    told = _BETWEEN.join((place.pool, place.replica, _mark(owner)))
    where = urlsafe_b64encode(told.encode()).decode().rstrip("=")
    return f"resp_{secrets.token_hex(16)}{where}"


def place_of(response_id: str) -> Place | None:
    """Return where the response of that id is stored, None for what is no id of ours."""
    pool, replica, _ = _parts(response_id)
    return Place(pool=pool, replica=replica) if pool and replica else None


def made_for(response_id: str, owner: str) -> bool:
    """Say whether the response of that id is the tenant *owner*'s."""
    return _parts(response_id)[2] == _mark(owner)


def _parts(response_id: str) -> tuple[str, str, str]:
    """Return pool, replica and whose it is; nothing for what is no id of ours."""
    match = _ID.fullmatch(response_id)
    if match is None:
        return "", "", ""
    where = match[1]
    try:
        told = urlsafe_b64decode(where + "=" * (-len(where) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", "", ""
    pool, replica, whose = (*told.split(_BETWEEN), "", "")[:3]
    return pool, replica, whose


def _mark(owner: str) -> str:
    """Return what tells tenants apart, in as few characters for long names; who guesses a name can check it here."""
    return hashlib.blake2b(owner.encode(), digest_size=8).hexdigest()
