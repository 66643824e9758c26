"""Replacing what a pattern matches in a text that streams.

Patterns are RE2's, which take linear time. A pattern says by itself how long a match can be, and no longer than that,
and one character for what may have to follow, is any character held back.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import re2

MOST_WIDTH = 256

_GROUP = re.compile(r"\\(\\|\d)")
_COUNT_FROM_NOTHING = re.compile(r"\{,")


class Pattern:
    """A pattern with its greatest width in characters; raises ValueError for one that a stream cannot be searched for.

    *replacement* may refer to groups as ``\\1``; a backslash is written ``\\\\``.
    """

    def __init__(self, pattern: str, replacement: str) -> None:
        self.width = _width(pattern)
        self._pattern = _compiled(pattern)
        self._replacement = replacement
        groups = [int(one[1]) for one in _GROUP.finditer(replacement) if one[1] != "\\"]
        if groups and max(groups) > self._pattern.groups:
            raise ValueError(f"refers to group {max(groups)} of {self._pattern.groups}")

    def matches(self, text: str, at: int) -> Iterator[tuple[int, int, str]]:
        """Yield, for each match from *at* on, where it begins and ends, and what stands for it."""
        # Each call of the library's encodes the whole text, however many matches it then tells.
        for found in self._pattern.finditer(text, at):
            yield found.start(), found.end(), self._written(found)

    def _written(self, found: Any) -> str:
        return _GROUP.sub(lambda one: "\\" if one[1] == "\\" else found.group(int(one[1])) or "", self._replacement)


class Replace:
    """Replaces every match; a match may stretch over pieces of the text."""

    over = False

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self.hold_back = pattern.width + 1
        # Up to ``_at`` the text has been given out: one character is kept for patterns that look at what is before.
        self._text, self._at = "", 0

    def feed(self, text: str) -> str:
        """Give out what no match that goes on in the next piece can begin in."""
        self._text += text
        return self._given(len(self._text) - self.hold_back + 1)

    def end(self) -> str:
        """Give out the rest."""
        return self._given(len(self._text) + 1)

    def _given(self, before: int) -> str:
        """Replace the matches that begin before *before*, and give out the text up to there."""
        given: list[str] = []
        at = self._at
        for start, end, written in self._pattern.matches(self._text, at) if at < before else ():
            if start >= before:
                break
            given += self._text[at:start], written
            at = end
        until = max(at, min(before, len(self._text)))
        given.append(self._text[at:until])
        kept = max(0, until - 1)
        self._text, self._at = self._text[kept:], until - kept
        return "".join(given)


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        told = error.args[0] if error.args else ""
        told = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
        raise ValueError(f"is not a pattern of RE2: {told}") from None


def _width(pattern: str) -> int:
    """Return how many characters a match has at most.

    RE2 does not tell, but Python's own parser does, of all that both read in the same way.
    """
    if _COUNT_FROM_NOTHING.search(pattern):
        raise ValueError("has a '{,': write {0,n} for a repetition, and \\{, for the character itself")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            least, most = re._parser.parse(pattern).getwidth()  # type: ignore[attr-defined]
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a pattern: {error}") from None
    if least == 0:
        raise ValueError("matches where there is nothing; make a part of it required")
    if most > MOST_WIDTH:
        raise ValueError(
            f"may match more than {MOST_WIDTH} characters, which a stream would have to hold back; "
            "bound its repetitions, as in {1,50}"
        )
    return int(most)
