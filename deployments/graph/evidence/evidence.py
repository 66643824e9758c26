"""One reason to think that a prompt is of some task."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deployments.graph.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Words, phrases or shapes that speak for a task; they count once however often they are found.

    ``words`` are whole words, ``phrases`` any substring (Chinese has no spaces). ``shapes`` are patterns, which begin
    with a literal where they are to search a long text fast. ``ask_only`` looks just where instructions stand, so that
    a text about Python is not a request for code; shapes then see lower case, else the raw text. ``numbers`` is how
    many numbers the text must have for this to count.
    """

    name: str
    weight: float
    words: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    shapes: tuple[re.Pattern[str], ...] = ()
    ask_only: bool = False
    numbers: int = 0

    def found_in(self, reading: Reading) -> bool:
        """Tell whether this evidence is in the text."""
        if reading.numbers < self.numbers:
            return False
        asked = reading.ask_words, reading.ask, reading.ask
        words, text, raw = asked if self.ask_only else (reading.words, reading.text, reading.raw)
        return (
            not self.words.isdisjoint(words)
            or any(phrase in text for phrase in self.phrases)
            or any(shape.search(raw) for shape in self.shapes)
        )
