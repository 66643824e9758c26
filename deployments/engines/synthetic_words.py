"""The words of a synthetic engine: which they are, their token ids, and how sure it claims to be of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from zlib import crc32

_WORDS = (
    "time", "way", "day", "man", "world", "life", "hand", "part", "eye", "place", "work", "week", "case", "point",
    "fact", "home", "water", "room", "area", "money", "story", "month", "lot", "right", "study", "book", "job", "word",
    "issue", "side", "kind", "head",
)  # fmt: skip
VOCABULARY = 2**20
_LEAST = 1e-6


def number_of(piece: str) -> int:
    """Return the token id of a piece of text, the same piece always the same."""
    return crc32(piece.encode()) % VOCABULARY


_NUMBERS = {f" {word}": number_of(f" {word}") for word in _WORDS}


@dataclass(frozen=True, slots=True)
class Word:
    """One token: its text, its id, and how likely the engine claims that it was."""

    text: str
    number: int
    likely: float

    @property
    def logprob(self) -> float:
        """Return the log-probability."""
        return math.log(self.likely)

    @property
    def margin(self) -> float:
        """Return by how much that exceeds the second likeliest token's, which has half of what is left."""
        return math.log(self.likely / max(_LEAST, min(self.likely, (1 - self.likely) / 2)))


def words(seed: int, confidence: float) -> Iterator[Word]:
    """Yield the words that follow from *seed*; the mean of their log-probabilities is the logarithm of *confidence*."""
    choices, doubts = Random(seed), Random(seed + 1)  # noqa: S311 - reproducible, no secret
    while True:
        text = " " + choices.choice(_WORDS)
        yield Word(text, _NUMBERS[text], confidence ** (2 * doubts.random()))
