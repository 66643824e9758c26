"""What the benchmark of the semantic cache counts: right answers, wrong ones, and those that went astray."""

from __future__ import annotations

import math

import pytest

from benchmarks.semantic_pairs import SAME, Pair, read
from benchmarks.semantic_rates import Rate, Store, total
from deployments.answers.neighbours import Direction, direction_of


def at(degrees: float) -> Direction:
    found = direction_of((math.cos(math.radians(degrees)), math.sin(math.radians(degrees))))
    assert found is not None
    return found


def pair(kind: str, first: str, second: str, language: str = "en") -> Pair:
    return Pair(language=language, kind=kind, first=first, second=second)


PAIRS = (pair("light", "a", "b"), pair("number", "c 1", "c 2"), pair("reworded", "d", "e", "zh"))


def test_what_is_near_enough_is_counted_by_kind_and_language() -> None:
    """A paraphrase that gets another's answer has strayed; what must be the same keeps the wrong one out."""
    directions = {text: at(degrees) for text, degrees in
                  {"a": 0, "b": 5, "c 1": 90, "c 2": 92, "d": 180, "e": 1}.items()}  # fmt: skip
    loose = Store(PAIRS, directions, "nothing").point("", 0.99)
    assert (loose.hits["light"], loose.hits["reworded"]) == (Rate(given=1, asked=1), Rate(given=0, asked=1))
    assert (loose.wrong["number"], loose.strayed) == (Rate(given=1, asked=1), 1)
    assert Store(PAIRS, directions, "particulars").point("en", 0.99).wrong["number"].given == 0
    assert Store(PAIRS, directions, "nothing").point("zh", 0.99).hits.keys() == {"reworded"}
    assert Store(PAIRS, directions, "nothing").point("", 0.9999).hits["light"].given == 0


def test_rates_add_up_and_know_how_sure_they_are() -> None:
    """Wilson (1927): nothing in 100 is at most 3.7 %."""
    assert total([Rate(given=1, asked=2), Rate(given=0, asked=98)]) == Rate(given=1, asked=100)
    assert Rate(given=0, asked=100).at_most == pytest.approx(0.0370, abs=1e-4)
    assert Rate(given=0, asked=0).at_most == 1.0


def test_the_pairs_are_labelled() -> None:
    """Both languages, both labels, and no pair twice."""
    pairs = read()
    assert {(one.language, one.same) for one in pairs} == {
        (name, same) for name in ("en", "zh") for same in (True, False)
    }
    assert len({(one.first, one.second) for one in pairs}) == len(pairs)
    assert all(one.kind in SAME or one.kind.isascii() for one in pairs)
