"""Keys and tokens: those that begin as their makers' do, and long words that look drawn at random.

What is longer than a match can be is found in pieces, each going on where the one before ended.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

from deployments.pii import wording
from deployments.pii.detector import Detector, Place, pattern

# One piece of a secret; the rest follows in further ones.
PIECE = 200
_PREFIXES = (
    rb"sk-(?:proj-|ant-|or-|svcacct-)?[A-Za-z0-9_\-]{16}",
    rb"(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16}",
    rb"gh[pousr]_[A-Za-z0-9]{30}",
    rb"github_pat_[A-Za-z0-9_]{22}",
    rb"glpat-[A-Za-z0-9_\-]{18}",
    rb"(?:AKIA|ASIA|AGPA|AROA)[A-Z0-9]{16}",
    rb"LTAI[A-Za-z0-9]{12}",
    rb"AKID[A-Za-z0-9]{16}",
    rb"AIza[A-Za-z0-9_\-]{33}",
    rb"xox[abeoprs]-[A-Za-z0-9\-]{10}",
    rb"(?:hf|r8|gsk|npm|tvly|dapi|xai|nvapi|lin_api|dop_v1)[_\-]?[A-Za-z0-9_\-]{28}",
    rb"pypi-[A-Za-z0-9_\-]{16}",
)
# Those with dots inside: tokens of Google's and SendGrid's, and JSON Web Tokens (RFC 7519).
_DOTTED = (rb"ya29\.[A-Za-z0-9_\-]{20}", rb"SG\.[A-Za-z0-9_\-]{16}", rb"eyJ[A-Za-z0-9_\-]{14}")
_BEGINNING = rb"\b(?:" + rb"|".join((*_PREFIXES, *_DOTTED)) + rb")"
_KNOWN = pattern(_BEGINNING)
_WITH_DOTS = pattern(rb"(?:" + rb"|".join(_DOTTED) + rb")")
_WORD, _DOTTED_WORD = pattern(rb"[A-Za-z0-9_\-]{1,200}"), pattern(rb"[A-Za-z0-9_\-.]{1,200}")
_ANY, _DIGIT, _OTHER = rb"[A-Za-z0-9_\-+/]", rb"[0-9]", rb"[A-Za-z_\-+/]"
_RANDOM = pattern(rb"\b" + _ANY + rb"{12,200}={0,2}")
# Twelve characters, of which not all are digits: a place among them, or behind more digits, where another begins.
_NOT_DIGITS = (_DIGIT + b"{%d}" % length + _OTHER + _ANY + b"{%d}" % (11 - length) for length in range(12))
_TELL = rb"\b(?:" + rb"|".join(_NOT_DIGITS) + rb"|[0-9]{12,199}" + _OTHER + rb")"
_REST = pattern(rb"[A-Za-z0-9_\-+/=.]{1,200}")

_DIGESTS = ("sha1-", "sha256-", "sha384-", "sha512-", "md5-")
_LEAST_RANDOM, _LEAST_SAID, _LEAST_HEX = 24, 12, 24
_BITS, _SAID_BITS = 3.6, 2.8
_LEAST_OF_EACH, _LEAST_TURNS = 3, 0.3


def _known(place: Place) -> int | None:
    if place.previous in b"-_":
        return None
    word = (_DOTTED_WORD if _WITH_DOTS.match(place.data, place.start) else _WORD).match(place.data, place.start).group()
    word = word if len(word) == PIECE else word.rstrip(b".-_")
    return place.start + len(word) if any(chr(char).isdigit() for char in word) else None


def _random(place: Place) -> int | None:
    word = place.found[:PIECE]
    word = word if len(word) == PIECE else word.rstrip("-/_")
    if word.isdecimal() or word.isalpha():  # which are most, and have digits and letters in none of the ways below
        return None
    hashed = any(name in word.lower() for name in _DIGESTS) or place.near(wording.DIGESTS, within=20)
    if place.previous in b"-_./@" or hashed:
        return None
    said = place.near(wording.SECRET, within=24)
    return place.start + len(word) if (_is_said(word) if said else _looks_drawn(word)) else None


def _is_said(word: str) -> bool:
    digits, letters = sum(map(str.isdigit, word)), sum(map(str.isalpha, word))
    if len(word) < _LEAST_SAID or not digits or not letters or _is_written(word):
        return False
    return _bits(word) >= _SAID_BITS


def _looks_drawn(word: str) -> bool:
    """Say whether a word mixes cases and digits as only chance does; hashes and ids in hex do not."""
    if len(word) < _LEAST_RANDOM or _is_written(word):
        return False
    classes = (sum(map(str.isupper, word)), sum(map(str.islower, word)), sum(map(str.isdigit, word)))
    if min(classes) < _LEAST_OF_EACH or _bits(word) < _BITS:
        return False
    return _turns(word) >= _LEAST_TURNS * len(word)


def _is_written(word: str) -> bool:
    """Say whether a word is made of words, numbers and hex: a path, a name, a UUID."""
    parts = word.replace("/", " ").replace("-", " ").replace("_", " ").replace(".", " ").replace("=", " ").split()
    longest = max(map(len, parts), default=0)
    return longest < 10 or ("/" in word and longest < 16)  # noqa: PLR2004 - as words are long


def _turns(word: str) -> int:
    """Count the places where the kind of character changes, which in a name written together are few."""
    kinds = ["d" if char.isdigit() else "u" if char.isupper() else "l" if char.islower() else "o" for char in word]
    return sum(one != other for one, other in pairwise(kinds))


def _bits(word: str) -> float:
    """Return the entropy of a word's characters, in bits for each."""
    return -sum(count / len(word) * math.log2(count / len(word)) for count in Counter(word).values())


def rest(data: bytes, at: int) -> int:
    """Return where the next piece of a secret ends that goes on *at*; *at* itself where it is over."""
    match = _REST.match(data, at)
    return at if match is None else int(match.end())


KNOWN_SECRET = Detector("SECRET", _KNOWN, _known, _BEGINNING)
RANDOM_SECRET = Detector("SECRET", _RANDOM, _random, _TELL)
