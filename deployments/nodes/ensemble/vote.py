"""Which of several answers most agree on, however each of them is written."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

_IGNORED = ("the answer is", "answer:", "答案是", "答案：", "the", "a", "an")
_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2013", "-"))
_POINT = re.compile(r"(?<![\w.])\.(?=\d)")
_LIST_OR_HEADING = re.compile(r"^(?:[*+]|#{1,6}) (?=\S)")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*]*[^\s*])\1(?![\w*])")


class Poll(NamedTuple):
    """The answer chosen, by its place, and how many of how many agree with it."""

    chosen: int
    votes: int
    of: int


def normal(text: str) -> str:
    """Return *text* without what does not matter between short answers: case, width, spaces, punctuation, articles.

    What is nothing but punctuation stays as it is.
    """
    folded = " ".join(unicodedata.normalize("NFKC", _raised(text)).translate(_MINUS).casefold().split())
    folded = _POINT.sub("0.", _EMPHASIS.sub(r"\2", _LIST_OR_HEADING.sub("", folded)))
    said = _bare(folded)
    for opening in _IGNORED:
        rest = said.removeprefix(unicodedata.normalize("NFKC", opening))
        if rest != said and (not opening[-1].isascii() or not opening[-1].isalpha() or rest.startswith(" ")):
            said = _bare(rest)
    return said or folded


def vote(answers: Sequence[str]) -> Poll:
    """Choose what most of *answers* say; of equally many, what was listed first. One without text agrees with none."""
    said: list[Hashable] = [normal(answer) or at for at, answer in enumerate(answers)]
    counted = Counter(said)
    chosen = max(range(len(said)), key=lambda at: (counted[said[at]], -at))
    return Poll(chosen, counted[said[chosen]], len(said))


def decided(answers: Sequence[str], outstanding: int) -> bool:
    """Say whether so many further answers could not change what is chosen; one without text decides nothing."""
    ranked = Counter(said for answer in answers if (said := normal(answer))).most_common(2)
    second = ranked[1][1] if len(ranked) > 1 else 0
    return bool(ranked) and ranked[0][1] > second + outstanding


def _raised(text: str) -> str:
    """Return *text* with ``^`` before what is raised, which NFKC would make plain: 10² is 10^2 and not 102."""
    if text.isascii():
        return text
    raised = [unicodedata.decomposition(character).startswith("<super>") for character in text]
    return "".join(
        f"^{character}" if up and not (at and raised[at - 1]) else character
        for at, (character, up) in enumerate(zip(text, raised, strict=True))
    )


def _bare(text: str) -> str:
    """Strip punctuation, symbols and spaces from both ends; a sign or a currency in front of a number stays."""
    start, end = 0, len(text)
    while end > 0 and _idle(text[end - 1]):
        end -= 1
    while start < end and _idle(text[start]) and not (text[start] == "-" and text[start + 1 : start + 2].isdigit()):
        start += 1
    return text[start:end]


def _idle(character: str) -> bool:
    return character not in "%#*&" and (unicodedata.category(character)[0] in "PZ" or character in "`~^|=")
