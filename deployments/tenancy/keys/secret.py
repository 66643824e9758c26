"""What an API key looks like, and what is kept of it.

``tercet_ID_SECRET``: twelve characters that name the key and stand in logs, and 43 random ones with six of checksum, so
that a scanner knows a leaked key by its looks and a mistyped one costs no look into the store. A secret of 256 random
bits cannot be guessed, which is why a fast hash does; it is keyed, so that whoever reads the store can test
nothing without the pepper.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

PREFIX = "tercet_"
LEAST_PEPPER_BYTES, MOST_PEPPER_BYTES = 16, 64
_LETTERS = string.ascii_letters + string.digits
_ID, _SECRET, _CHECK = 12, 43, 6
_KEY = re.compile(rf"{PREFIX}([a-z0-9]{{{_ID}}})_([A-Za-z0-9]{{{_SECRET}}})([A-Za-z0-9]{{{_CHECK}}})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key as its owner holds it; it never prints its secret."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"

    def text(self) -> str:
        """Return the key as it is sent."""
        told = f"{PREFIX}{self.id}_{self.secret}"
        return told + _checksum(told)


def mint() -> Key:
    """Return a key that nobody has."""
    return Key(
        id="".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(_ID)),
        secret="".join(secrets.choice(_LETTERS) for _ in range(_SECRET)),
    )


def is_key(text: str) -> bool:
    """Say whether *text* is meant to be one of these keys."""
    return text.startswith(PREFIX)


def is_id(text: str) -> bool:
    """Say whether *text* may be the id of a key; a whole key is none, and goes into no log."""
    return re.fullmatch(rf"[a-z0-9]{{1,{_ID}}}", text) is not None


def parse(text: str) -> Key | None:
    """Return the key that *text* is, None where it is none or was mistyped."""
    found = _KEY.fullmatch(text)
    if found is None or not hmac.compare_digest(_checksum(text[:-_CHECK]), found[3]):
        return None
    return Key(id=found[1], secret=found[2])


def new_pepper() -> bytes:
    """Return a random pepper."""
    return secrets.token_bytes(32)


def digest(key: Key, pepper: bytes) -> bytes:
    """Return what is kept of a key: BLAKE2b (RFC 7693) of its id and secret, keyed by *pepper*."""
    told = f"{key.id}_{key.secret}".encode()
    return hashlib.blake2b(told, digest_size=32, key=pepper, person=b"tercet api key").digest()


def matches(key: Key, pepper: bytes, kept: bytes) -> bool:
    """Say whether *kept* was made of *key*, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(digest(key, pepper), kept)


def _checksum(text: str) -> str:
    number, letters = zlib.crc32(text.encode()), []
    for _ in range(_CHECK):
        number, at = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[at])
    return "".join(letters)
