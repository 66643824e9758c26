"""Which of several answers most agree on, however each of them is written."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_IGNORED = ("the answer is", "answer:", "答案是", "答案：", "the", "a", "an")


class Poll(NamedTuple):
    """The answer chosen, by its place, and how many of how many agree with it."""

    chosen: int
    votes: int
    of: int


def normal(text: str) -> str:
    """Return *text* without what does not matter between short answers: case, width, spaces, punctuation, articles."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    folded = _bare(folded)
    for opening in _IGNORED:
        rest = folded.removeprefix(unicodedata.normalize("NFKC", opening))
        if rest != folded and (not opening[-1].isascii() or not opening[-1].isalpha() or rest.startswith(" ")):
            folded = _bare(rest)
    return folded


def vote(answers: Sequence[str]) -> Poll:
    """Choose what most of *answers* say; of equally many, what was listed first."""
    said = [normal(answer) for answer in answers]
    counted = Counter(said)
    chosen = max(range(len(said)), key=lambda at: (counted[said[at]], -at))
    return Poll(chosen, counted[said[chosen]], len(said))


def decided(answers: Sequence[str], outstanding: int) -> bool:
    """Say whether so many further answers could not change what is chosen."""
    ranked = Counter(normal(answer) for answer in answers).most_common(2)
    second = ranked[1][1] if len(ranked) > 1 else 0
    return bool(ranked) and ranked[0][1] > second + outstanding


def _bare(text: str) -> str:
    """Strip punctuation, symbols and spaces from both ends; a sign or a currency in front of a number stays."""
    start, end = 0, len(text)
    while end > 0 and _idle(text[end - 1]):
        end -= 1
    while start < end and _idle(text[start]) and not (text[start] == "-" and text[start + 1 : start + 2].isdigit()):
        start += 1
    return text[start:end]


def _idle(character: str) -> bool:
    return character != "%" and (unicodedata.category(character)[0] in "PZ" or character in "`~^|=")
