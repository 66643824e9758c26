"""Names are found by a model that the deployment brings, beside everything else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from deployments.pii.names import find_with_names
from deployments.pii.scanner import Span


class Capitals:
    """Takes every word that begins with a capital for a name."""

    def names(self, text: str) -> Sequence[tuple[int, int]]:
        starts = [at for at, char in enumerate(text) if char.isupper() and (at == 0 or text[at - 1] == " ")]
        return [(at, text.find(" ", at) if " " in text[at:] else len(text)) for at in starts]


class Lost:
    """Speaks of another text."""

    def names(self, text: str) -> Sequence[tuple[int, int]]:
        return [(0, len(text) + 1)]


def test_names_stand_beside_what_is_found_without_a_model() -> None:
    """In order, and never over it."""
    text = "ask Bob or Bob@example.com about Eve"
    spans = find_with_names(text, Capitals())
    assert spans == [Span("NAME", 4, 7), Span("EMAIL", 11, 26), Span("NAME", 33, 36)]
    assert all(one.end <= other.start for one, other in pairwise(spans))


def test_a_model_that_speaks_of_another_text_is_told_so() -> None:
    """Nothing is cut at places that are none."""
    with pytest.raises(ValueError, match="not in a text of 3 characters"):
        find_with_names("abc", Lost())
