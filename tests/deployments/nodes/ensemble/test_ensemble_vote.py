"""When two short answers are the same, and when a vote cannot change any more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.nodes.ensemble.vote import decided, normal, vote


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", "paris."),
        ("**Paris**", "Paris"),
        ("The answer is 42.", "42"),
        ("Answer: 42", "42"),
        ("the cat", "A cat"),
        ("４２", "42"),
        ("  yes\n", "Yes!"),
        ("答案是：巴黎。", "巴黎"),
        ("“是”", "是"),
        ("\u22125", "-5"),
        ("**Answer:** 42", "42"),
        ("*Paris*.", "Paris"),
        ("* Paris", "Paris"),
        ("## Paris", "Paris"),
        (".5", "0.5"),
        ("10²", "10^2"),
        ("10²³", "10^23"),
    ],
)
def test_the_same_said_otherwise(one: str, other: str) -> None:
    """Case, width, punctuation and a few words in front do not matter."""
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-3", "3"), ("1.5", "15"), ("no", "yes"), ("10 %", "10"), ("an", "a n"), ("C#", "C"), (".5", "5"),
        ("-.5", "-5"), ("10²", "102"), ("*", "&"), ("*", ""), ("?", "!"), ("A*", "A"), ("R&", "R"),
        ("2*3*4", "234"), ("\u22125", "5"),
    ],
)  # fmt: skip
def test_what_matters_stays(one: str, other: str) -> None:
    """A sign or a point makes another number."""
    assert normal(one) != normal(other)


def test_a_word_that_begins_like_an_article_stays() -> None:
    """Not every "a" at the beginning is one."""
    assert normal("Athens") == "athens"
    assert normal("Theatre") == "theatre"


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=9))
def test_the_choice_is_one_of_the_most_common(answers: list[str]) -> None:
    """And counts its own votes."""
    poll = vote(answers)
    assert poll.votes == answers.count(answers[poll.chosen]) == max(answers.count(one) for one in answers)
    assert poll.chosen == answers.index(answers[poll.chosen])


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6),
       st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=4))  # fmt: skip
def test_decided_means_that_nothing_more_can_change_it(answers: list[str], more: list[str]) -> None:
    """Whatever the others say."""
    if decided(answers, len(more)):
        assert normal([*answers, *more][vote([*answers, *more]).chosen]) == normal(answers[vote(answers).chosen])


def test_answers_without_text_agree_with_nobody() -> None:
    """They may say anything; what says something decides against them."""
    assert vote(["", "", ""]) == (0, 1, 3)
    assert vote(["", " ", "4", "4"]) == (2, 2, 4)
    assert not decided(["", ""], 1)
    assert decided(["", "4", "4"], 1)
