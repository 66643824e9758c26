"""The first level: bounded, and it forgets what it hears of."""

from __future__ import annotations

from deployments.answers import memory
from deployments.answers.kept import Since, Word
from deployments.answers.memory import ALONE, Memory
from tests.deployments.answers.making import KEY, NOON_S, kept


def test_the_longest_unused_leaves_first() -> None:
    """Bytes are the bound, and a look is a use."""
    size = kept().size
    held = Memory(3 * size)
    for name in (b"a", b"b", b"c"):
        held.put(name, kept())
    assert held.get(b"a", NOON_S) is not None
    held.put(b"d", kept())
    assert [held.get(name, NOON_S) is not None for name in (b"a", b"b", b"c", b"d")] == [True, False, True, True]
    assert held.size == 3 * size


def test_what_does_not_fit_stays_out() -> None:
    """One large answer does not empty everything."""
    held = Memory(kept().size)
    held.put(b"a", kept())
    held.put(b"b", kept("x" * 10_000))
    assert held.get(b"a", NOON_S) is not None
    assert held.get(b"b", NOON_S) is None


def test_time_ends_an_answer() -> None:
    """And frees its room."""
    held = Memory(2**20)
    held.put(KEY, kept())
    assert held.get(KEY, NOON_S + 60) is None
    assert held.size == 0


def test_what_is_heard_to_be_forgotten_is_dropped() -> None:
    """Also what comes later and was begun before."""
    held = Memory(2**20)
    held.put(KEY, kept())
    assert held.heard(Word(Since(ALONE.store, 1), {"tag=t1": 1})) == 1
    held.put(KEY, kept())
    assert held.get(KEY, NOON_S) is None
    held.put(KEY, kept(since=held.now))
    assert held.get(KEY, NOON_S) is not None


def test_another_store_or_an_older_copy_empties_it() -> None:
    """What that one was told to forget, nobody knows."""
    held = Memory(2**20)
    held.heard(Word(Since("one", 5), {}))
    for now in (Since("two", 9), Since("two", 8)):
        held.put(KEY, kept(since=held.now))
        assert held.get(KEY, NOON_S) is not None
        assert held.heard(Word(now, {})) == 1
        assert held.get(KEY, NOON_S) is None


def test_more_forgotten_than_is_remembered_loses_answers_and_brings_none_back(monkeypatch: object) -> None:
    """Whoever cannot tell whether an answer was forgotten does not hold it."""
    monkeypatch.setattr(memory, "_MOST_LABELS", 3)  # type: ignore[attr-defined]
    held = Memory(2**20)
    held.heard(Word(Since(ALONE.store, 1), {"tag=t1": 1}))
    held.heard(Word(Since(ALONE.store, 5), {f"tag=x{at}": at for at in range(2, 6)}))
    held.put(KEY, kept(since=Since(ALONE.store, 0)))
    assert held.get(KEY, NOON_S) is None
    held.put(KEY, kept(since=held.now))
    assert held.get(KEY, NOON_S) is not None


def test_no_tenant_pushes_out_what_others_have_within_their_part() -> None:
    """Whoever has most makes room for everybody; the bound is of all together."""
    size = kept().size
    held = Memory(6 * size)
    theirs = [b"t1", b"t2"]
    for name in theirs:
        held.put(name, kept(labels=("tenant=quiet",)))
    for at in range(50):
        held.put(f"b{at}".encode(), kept(labels=("tenant=busy", "tag=t1")))
    assert all(held.get(name, NOON_S) is not None for name in theirs)
    assert [at for at in range(50) if held.get(f"b{at}".encode(), NOON_S)] == [46, 47, 48, 49]
    assert held.size == 6 * size
    held.put(theirs[0], kept(labels=("tenant=quiet",)))
    assert held.size == 6 * size
    for at in range(4):
        held.put(f"q{at}".encode(), kept(labels=("tenant=quiet",)))
    assert sum(held.get(f"b{at}".encode(), NOON_S) is not None for at in range(50)) == 3
    assert held.heard(Word(Since("another", 1), {})) == 6
    assert held.size == 0
