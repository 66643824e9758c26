"""What two questions must have in common, told by rules."""

from __future__ import annotations

import time

import pytest

from benchmarks import semantic_pairs
from deployments.nodes.cache.particulars import particulars
from deployments.nodes.cache.question import canonical


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("What is 1,000 times 3.5?", ("1000", "3.5")),
        ("Three eggs, or 3 eggs", ("3", "3")),
        ("Why doesn't it work, and why can it not?", ("not", "not")),
        ("Who was the first president of France?", ("1", "france")),
        ("WHAT IS GPT4", ("gpt4",)),
        ("Paris is where?", ("paris",)),
        ("How do I sort in C++ before Java's?", ("c++", "before", "java")),
        ("Write to <EMAIL_1> and not to <EMAIL_2>", ("write", "<EMAIL_1>", "not", "<EMAIL_2>")),
        ("痛风不可以吃什么？", ("not",)),
        ("有没有非常好的办法？能不能说一下？", ("好",)),
        ("三个月以后，两年之前", ("3", "月", "2", "年", "前")),
        ("怎么用python写", ("python",)),
        ("下午三点", ("下午", "3")),
        ("hello there", ()),
        ("", ()),
    ],
)
def test_particulars(text: str, told: tuple[str, ...]) -> None:
    """In the order of the text."""
    assert particulars(text) == told


def test_their_order_counts() -> None:
    """From here to there is not from there to here."""
    assert particulars("From London to Paris") != particulars("From Paris to London")


def test_time_grows_with_the_length_alone() -> None:
    """Whatever clients send."""
    for text in ("不" * 200_000, "a'" * 100_000, "1," * 100_000, "<A_" * 70_000, "A-" * 100_000):
        began_s = time.process_time()
        particulars(text)
        assert time.process_time() - began_s < 5


def test_the_rules_tell_most_of_the_labelled_pairs_apart() -> None:
    """And leave the light paraphrases together; what that is worth beside vectors is the benchmark's to measure."""
    pairs = semantic_pairs.read()
    assert len(pairs) >= 200
    assert all(pair.first != pair.second for pair in pairs)

    def same(kinds: set[str]) -> float:
        found = [pair for pair in pairs if pair.kind in kinds]
        told = [particulars(canonical(pair.first)) == particulars(canonical(pair.second)) for pair in found]
        return sum(told) / len(found)

    assert same({"light"}) > 0.85
    assert same({"number", "negation"}) < 0.1
    assert same({"name", "opposite"}) < 0.5
