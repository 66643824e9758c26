"""Pairs of questions with a label: the same question in other words, or another one in nearly the same words.

``semantic_pairs.tsv`` has a language, a kind and two questions a line. ``light`` and ``reworded`` pairs want the same
answer; all other kinds say in what the second differs so that it wants another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("semantic_pairs.tsv")
SAME = ("light", "reworded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The first question is the one whose answer is kept, the second is asked after it."""

    language: str
    kind: str
    first: str
    second: str

    @property
    def same(self) -> bool:
        """Say whether one answer is right for both."""
        return self.kind in SAME


def read() -> tuple[Pair, ...]:
    """Return all pairs."""
    lines = FILE.read_text("utf-8").splitlines()
    return tuple(
        Pair(language=language, kind=kind, first=first, second=second)
        for language, kind, first, second in (line.split("\t") for line in lines)
    )
