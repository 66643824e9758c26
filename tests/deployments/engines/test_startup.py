"""A start is told as stages that add up to the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.engines.startup import NOTES, Startup, note, notes


def test_stages_add_up_to_the_whole() -> None:
    """Each lasts from the end of the one before, in the order in which they ended."""
    now = iter([103.0, 104.5, 110.0])
    startup = Startup(100.0, wall=lambda: next(now))
    for stage in ("process", "imports", "warm_up"):
        startup.ended(stage)
    assert startup.read() == (("process", 3.0), ("imports", 1.5), ("warm_up", 5.5))


def test_what_two_processes_do_at_once_lasts_until_the_later_end() -> None:
    """The replica has imported after four seconds, its engine core after six."""
    startup = Startup(100.0)
    startup.ended("imports", 104.0)
    startup.ended("imports", 106.0)
    startup.ended("weights", 105.0)
    startup.ended("kv_cache", 107.0)
    assert startup.read() == (("imports", 6.0), ("weights", 0.0), ("kv_cache", 1.0))


def test_an_engine_notes_how_far_it_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file that the environment names; without one nothing is written anywhere."""
    file = tmp_path / "notes"
    assert list(notes(file)) == []
    monkeypatch.delenv(NOTES, raising=False)
    note("imports")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(NOTES, str(file))
    note("imports")
    note("weights")
    (first, first_s), (second, second_s) = notes(file)
    assert (first, second) == ("imports", "weights")
    assert first_s <= second_s
