"""People's names, which only a model can tell; the project ships none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from deployments.pii.scanner import KINDS, Span, find

NAME = "NAME"


class NameModel(Protocol):
    """Finds names in a whole text; spans are in characters, apart from each other and in order."""

    def names(self, text: str) -> Sequence[tuple[int, int]]:
        """Return where each name begins and ends."""
        ...


def find_with_names(text: str, model: NameModel, kinds: Collection[str] = KINDS) -> list[Span]:
    """Return everything that ``find`` does, and the names outside of that; raises ValueError for spans off the text."""
    found = find(text, kinds)
    for start, end in model.names(text):
        if not 0 <= start < end <= len(text):
            raise ValueError(f"the model's name at {start} to {end} is not in a text of {len(text)} characters")
        if all(end <= span.start or span.end <= start for span in found):
            found.append(Span(NAME, start, end))
    return sorted(found, key=lambda span: span.start)
