"""The index of questions: it finds the nearest of one partition, and stays within its bounds."""

from __future__ import annotations

import numpy as np
import pytest

from deployments.answers import neighbours
from deployments.answers.kept import Kept
from deployments.answers.neighbours import Direction, Neighbours, direction_of
from tests.deployments.answers.making import kept

ANSWER = kept()


def at(degrees: float, length: int = 8) -> Direction:
    """Return a direction in the plane of the first two axes."""
    angle = np.radians(degrees)
    found = direction_of((3 * np.cos(angle), 3 * np.sin(angle), *[0.0] * (length - 2)))
    assert found is not None
    return found


def filled(*degrees: float, part: bytes = b"p", most: int = 2**20, answer: Kept = ANSWER) -> Neighbours:
    held = Neighbours(most)
    for one in degrees:
        held.put(part, f"{one:g}".encode(), at(one), (), answer)
    return held


def keys(held: Neighbours, degrees: float, at_least: float, part: bytes = b"p") -> list[str]:
    return [near.key.decode() for near in held.near(part, at(degrees), (), at_least)]


def test_the_nearest_comes_first() -> None:
    """By the cosine, which is told; those that are too far are not there."""
    held = filled(0, 10, 20, 90)
    assert keys(held, 11, 0.9) == ["10", "20", "0"]
    assert keys(held, 11, 0.999) == ["10"]
    assert held.near(b"p", at(11), (), 0.9)[0].cosine == pytest.approx(np.cos(np.radians(1)), abs=1e-5)


def test_partitions_and_particulars_do_not_meet() -> None:
    """However near they are."""
    held = filled(0)
    assert keys(held, 0, 0.5, part=b"other") == []
    assert held.near(b"p", at(0), ("3",), 0.5) == []
    assert held.near(b"p", at(0, length=9), (), 0.5) == []


def test_the_same_answer_again_takes_its_own_place() -> None:
    """One key is one question."""
    held = filled(0)
    held.put(b"p", b"0", at(90), (), ANSWER)
    assert (keys(held, 0, 0.5), keys(held, 90, 0.5), len(held)) == ([], ["0"], 1)


def test_what_is_dropped_or_forgotten_leaves_the_rest_as_it_was() -> None:
    """Others move into the place, and are found by their own direction."""
    held = filled(*range(0, 90, 5))
    held.drop(b"p", b"0")
    held.drop(b"p", b"0")
    held.drop(b"nobody", b"0")
    assert [keys(held, one, 0.9999) for one in range(0, 90, 5)] == [[], *([f"{one}"] for one in range(5, 90, 5))]
    held.put(b"p", b"b", at(45), (), kept(labels=("tenant=b",)))
    held.forget("tenant=acme")
    assert (keys(held, 45, 0.0), len(held)) == (["b"], 1)
    held.forget("tenant=b")
    assert (len(held), held.size) == (0, 0)


def test_a_full_partition_loses_its_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else."""
    monkeypatch.setattr(neighbours, "MOST_ROWS", 40)
    held = filled(*range(60))
    assert len(held) == 40
    assert [keys(held, one, 0.99999) for one in (0, 19, 20, 59)] == [[], [], ["20"], ["59"]]


def test_bytes_are_bounded_over_all_partitions() -> None:
    """The partition that was asked longest ago leaves; one alone has no more rows than there is room for."""
    held = Neighbours(2**20)
    for part in range(200):
        for one in range(20):
            held.put(b"%d" % part, b"%d" % one, at(one, length=384), (), ANSWER)
        held.near(b"0", at(0, length=384), (), 0.5)
        assert held.size <= 2**20
    assert held.near(b"0", at(0, length=384), (), 0.9999)
    assert not held.near(b"1", at(0, length=384), (), 0.9999)
    alone = Neighbours(2**20)
    for one in range(2000):
        alone.put(b"p", b"%d" % one, at(one, length=384), (), ANSWER)
    assert 2**19 < alone.size <= 2**20


def test_a_vector_without_a_direction_is_none() -> None:
    """Nothing, and what is beyond numbers."""
    assert direction_of((0.0, 0.0)) is None
    assert direction_of((float("inf"), 1.0)) is None
    assert direction_of((float("nan"), 1.0)) is None
