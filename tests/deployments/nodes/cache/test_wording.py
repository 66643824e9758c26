"""The words that a question is about: what is left out, and what is never."""

from __future__ import annotations

import time

import pytest

from benchmarks import semantic_pairs
from deployments.nodes.cache.question import canonical
from deployments.nodes.cache.wording import wording


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What is the capital of France?", "what's the capital of France"),
        ("How do I reset my password?", "How can I reset my password?"),
        ("Please tell me why dogs bark.", "why do dogs bark"),
        ("Three eggs", "3 egg"),
        ("1,000 km", "1000 km"),
        ("怎么重置密码？", "请问如何重置密码"),
        ("一支足球队有几名队员？", "一支足球队有多少名队员"),
    ],
)
def test_what_people_put_around_is_left_out(first: str, second: str) -> None:
    """Articles, courtesies, and other words for the same."""
    assert wording(first) == wording(second) != ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Why do dogs chase cats?", "Why do cats chase dogs?"),
        ("Can I give it milk?", "Can I not give it milk?"),
        ("Is 5 > 3?", "Is 5 < 3?"),
        ("a+b", "a-b"),
        ("Write C", "Write C++"),
        ("Tell <EMAIL_1> of it", "Tell <EMAIL_2> of it"),
        ("Über uns", "Unter uns"),
        ("Что такое кот?", "Что такое кит?"),
        ("土豆要煮多久？", "胡萝卜要煮多久？"),
        ("狗为什么追猫？", "猫为什么追狗？"),
        ("東京はどこ", "京都はどこ"),
    ],
)
def test_whatever_else_differs_tells_questions_apart(first: str, second: str) -> None:
    """In any script."""
    assert wording(first) != wording(second)


def test_time_grows_with_the_length_alone() -> None:
    """Whatever clients send."""
    for text in (
        "please " * 50_000,
        "how do " * 50_000,
        "a'" * 100_000,
        "怎" * 200_000,
        "<a_" * 70_000,
        "1," * 100_000,
    ):
        began_s = time.process_time()
        wording(text)
        assert time.process_time() - began_s < 5


def test_the_labelled_pairs_are_told_apart_but_by_what_is_left_out() -> None:
    """Light paraphrases often are one, and are then given by their vectors."""
    pairs = semantic_pairs.read()

    def one(pair: semantic_pairs.Pair) -> bool:
        return wording(canonical(pair.first)) == wording(canonical(pair.second))

    assert {pair.kind for pair in pairs if not pair.same and one(pair)} == {"left out"}
    light = [one(pair) for pair in pairs if pair.kind == "light"]
    assert sum(light) / len(light) > 0.4
