"""Names that a model has told are found where they stand, beside everything else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.pii.names import MOST_NAME, BesideNames, KnownNames, find_with_names, likely, pieces
from deployments.pii.scanner import KINDS, Span, find


def test_names_stand_beside_what_is_found_without_a_model() -> None:
    """In order, and never over it: a shorter one takes the place of one that would be."""
    text = "ask Bob or Bob@example.com about Eve 13800138000"
    spans = find_with_names(text, KnownNames(["Bob", "Eve", "Eve 13800138000"]))
    assert spans == [Span("NAME", 4, 7), Span("EMAIL", 11, 26), Span("NAME", 33, 36), Span("PHONE", 37, 48)]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Ann", "Ann, Anna, Joann, ann and Ann's", ["Ann", "Ann"]),
        ("José", "José; Joséphine", ["José"]),
        ("Nguyễn", "Nguyễn Nguyễnova", ["Nguyễn"]),
        ("Анна", "Анна и Аннабель", ["Анна"]),
        ("张伟", "张伟说张伟强", ["张伟", "张伟"]),
        ("김민수", "김민수가 왔다", ["김민수"]),
        ("田中", "bob田中san", ["田中"]),
        ("aa", "aaaa aa", ["aa"]),
    ],
)
def test_a_name_is_whole_words_where_words_have_spaces(name: str, text: str, found: list[str]) -> None:
    """In its own case, at all of its places."""
    assert [text[one.start : one.end] for one in KnownNames([name]).find(text)] == found


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(st.text("ab 王小明", min_size=2, max_size=4), max_size=6), text=st.text("ab @.王小明1", max_size=60)
)
def test_known_names_lie_apart_and_beside_the_rest(names: list[str], text: str) -> None:
    """For any names: the segments are the text, and with no name they are those of the scanner."""
    spans = find_with_names(text, KnownNames(names))
    assert all(one.end <= other.start for one, other in pairwise(spans))
    finder = BesideNames(KINDS, KnownNames(names))
    segments = [*finder.feed(text[:7]), *finder.feed(text[7:]), *finder.end()]
    assert "".join(one.text for one in segments) == text
    assert [one.text for one in segments if one.kind not in ("", "NAME")] == [
        text[one.start : one.end] for one in find(text)
    ]


def test_only_what_can_be_a_name_and_is_there_is_believed() -> None:
    """Without the marks around it."""
    text = "Dear Ann Lee, J and 王: call 123 45. " + "x" * 70
    assert likely(["Ann Lee,", " Ann Lee ", "Bob", "J", "王", "123 45", "x" * 70, ""], text) == ["Ann Lee"]


@settings(max_examples=200, deadline=None)
@given(length=st.integers(0, 1500), most=st.integers(200, 400), data=st.data())
def test_every_name_is_whole_in_a_piece(length: int, most: int, data: st.DataObject) -> None:
    """Wherever it stands, and no piece is longer than it may be."""
    text = "".join(chr(0x4E00 + at) for at in range(length))
    cut = pieces(text, most)
    assert all(len(one) <= most for one in cut)
    at = data.draw(st.integers(0, length))
    name = text[at : at + MOST_NAME]
    assert any(name in one for one in cut)
