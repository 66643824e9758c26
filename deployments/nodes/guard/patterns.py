"""Patterns of RE2's, looked for in a text that streams."""

from __future__ import annotations

from collections.abc import Iterable

from deployments.finding import Segment
from deployments.nodes.transform.replace import Pattern

PATTERN = "PATTERN"


def together(patterns: Iterable[str]) -> Pattern:
    """Return one pattern for all; raises ValueError as Pattern does."""
    return Pattern("|".join(f"(?:{one})" for one in patterns), "")


class Patterns:
    """Finds the matches of a pattern in one text; as many characters are held back as a match can have, and one."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self.hold_back = pattern.width + 1
        # Up to ``_at`` all is decided; one character before it is kept, for patterns that look at it.
        self._text, self._at = "", 0

    def feed(self, text: str) -> list[Segment]:
        """Give out what no match that goes on in the next piece can begin in."""
        self._text += text
        return self._decided(len(self._text) - self.hold_back + 1)

    def end(self, text: str = "") -> list[Segment]:
        """Take the last piece; give out the rest."""
        self._text += text
        return self._decided(len(self._text) + 1)

    def _decided(self, before: int) -> list[Segment]:
        found, at = [], self._at
        if before <= at:
            return []
        for start, end, _ in self._pattern.matches(self._text, at):
            if start >= before:
                break
            found += [Segment(self._text[at:start]), Segment(self._text[start:end], PATTERN)]
            at = end
        until = max(at, min(before, len(self._text)))
        found.append(Segment(self._text[at:until]))
        kept = max(0, until - 1)
        self._text, self._at = self._text[kept:], until - kept
        return [segment for segment in found if segment.text]
