"""Ids of stored responses, which say where the response is stored.

The place is encoded, not hidden and not signed: what makes an id hard to guess is its random part, and a place that
was made up leads to a replica that knows no such id.
"""

from __future__ import annotations

import binascii
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


def new_response_id(place: Place) -> str:
    """Return an id that nobody can guess, fit for a URL's path."""
    where = urlsafe_b64encode(f"{place.pool}{_BETWEEN}{place.replica}".encode()).decode().rstrip("=")
    return f"resp_{secrets.token_hex(16)}{where}"


def place_of(response_id: str) -> Place | None:
    """Return where the response of that id is stored, None for what is no id of ours."""
    match = _ID.fullmatch(response_id)
    if match is None:
        return None
    where = match[1]
    try:
        pool, _, replica = urlsafe_b64decode(where + "=" * (-len(where) % 4)).decode().partition(_BETWEEN)
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Place(pool=pool, replica=replica) if pool and replica else None
