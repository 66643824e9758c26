"""A mapping that forgets its oldest entries, by number and by weight."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.bounded import Bounded


def kept(entries: int = 100, size: int = 100) -> Bounded[str]:
    return Bounded(entries=entries, size=size, weigh=len)


def test_the_oldest_goes_first() -> None:
    """By number, by weight, and an entry that was set again is young."""
    held = kept(entries=2)
    held["a"], held["b"] = "1", "2"
    held["a"] = "3"
    held["c"] = "4"
    assert dict(held) == {"a": "3", "c": "4"}
    held = kept(size=10)
    held["a"], held["b"], held["c"] = "x" * 4, "x" * 4, "x" * 4
    assert list(held) == ["b", "c"]


def test_what_is_too_heavy_is_not_kept() -> None:
    """Nor does it push out anything that comes after it."""
    held = kept(size=3)
    held["a"] = "x" * 4
    assert not held
    held["b"] = "x"
    assert list(held) == ["b"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.text("x", max_size=6), st.booleans())))
def test_the_limits_hold_whatever_happens(steps: list[tuple[str, str, bool]]) -> None:
    """After any sequence of entries and removals; what is left is what was set last under its key."""
    held, last = kept(entries=3, size=9), dict[str, str]()
    for key, value, remove in steps:
        if remove:
            held.pop(key, None)
            last.pop(key, None)
        else:
            held[key] = last[key] = value
        assert len(held) <= 3
        assert sum(map(len, held.values())) <= 9
        assert dict(held).items() <= last.items()


def test_whoever_keeps_most_loses_its_own() -> None:
    """By number and by weight: others keep what they had."""
    held = kept(entries=10)
    for at in range(2):
        held.keep(f"a{at}", "x", "a")
    for at in range(50):
        held.keep(f"b{at}", "x", "b")
    assert list(held) == ["a0", "a1", *(f"b{at}" for at in range(42, 50))]
    held = kept(size=10)
    held.keep("a", "x" * 5, "a")
    for at in range(9):
        held.keep(f"b{at}", "x" * 3, "b")
    assert list(held) == ["a", "b8"]
    held.keep("too heavy", "x" * 11, "b")
    assert list(held) == ["a", "b8"]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("uvw"))))
def test_a_part_for_each_is_everybody_s(steps: list[tuple[str, str]]) -> None:
    """Whoever has no more than an equal part of what there is loses nothing by others."""
    held, own = kept(entries=6), {owner: dict[str, None]() for owner in "uvw"}
    for key, owner in steps:
        held.keep(owner + key, "x", owner)
        own[owner][owner + key] = None
    for keys in own.values():
        if len(keys) <= 2:
            assert set(keys) <= set(held)
