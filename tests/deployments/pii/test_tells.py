"""What is looked for first, for all detectors at once, is in whatever one of them finds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.pii import scanner
from deployments.pii.detector import Place
from deployments.pii.folding import folded
from deployments.pii.scanner import DETECTORS, find
from deployments.pii.tells import Tells
from tests.deployments.pii.samples import TEXTS, VALUES

_TELLS = Tells(DETECTORS)
# What numbers, addresses and secrets are written with, so that there are more of them than in any prose.
_DENSE = st.text(alphabet="0123456789 -.()+:@/ABCXYZabfxyz_=%\uff11\u0661\u3000", max_size=60)
_NUMBERS = st.lists(
    st.one_of(
        st.sampled_from(("tel ", "card ", "ssn ", "my number ", "token ", "+", "00", "(", ") ", "-", " ", ".", "86 ")),
        st.text(alphabet="0123456789", min_size=1, max_size=12),
        st.sampled_from(VALUES),
    ),
    max_size=10,
).map("".join)


def _finds(text: str, rank: int) -> list[int]:
    """Return where a detector finds something, wherever the search begins."""
    data, at, starts = folded(text), 0, []
    while (match := DETECTORS[rank].pattern.search(data, at)) is not None:
        start, end = match.span()
        if DETECTORS[rank].check(Place(text, data, start, end)) is not None:
            starts.append(start)
        at = start + 1
    return starts


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(TEXTS, _DENSE, _NUMBERS))
def test_whatever_is_found_was_told(text: str) -> None:
    """Also by a search that begins right at it."""
    data = folded(text)
    for rank in range(len(DETECTORS)):
        for start in _finds(text, rank):
            assert rank in _TELLS.within(data, start), (DETECTORS[rank].kind, start)


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(TEXTS, _DENSE, _NUMBERS))
def test_detectors_that_are_left_out_find_nothing(text: str) -> None:
    """As much is found as where every detector is asked."""
    told = find(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tells, "within", lambda *_: range(len(DETECTORS)))
        assert find(text) == told


def test_prose_asks_no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do numbers that are too short for anything."""
    asked: list[int] = []
    monkeypatch.setattr(scanner.Scanner, "_next", lambda *args: asked.append(args[1]))
    find("It was a bright cold day in April, and 13 clocks were striking; see pages 12 to 345, at 9:30.")
    assert asked == []


def test_text_made_to_be_slow_is_searched_as_fast_and_as_well() -> None:
    """The automaton is bounded, and made again where it has grown too large."""
    draw = random.Random(1)
    for alphabet in ("0123456789 -.()+", "abC12-_+/", "0aF:.", "eyJsk-gh_"):
        text = "".join(draw.choices(alphabet, k=20_000))
        assert _TELLS.within(folded(f"{text} bob@example.com"), 0)
