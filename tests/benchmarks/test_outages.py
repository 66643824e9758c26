"""Stores and disks that go away under load: as configured meanwhile, nothing wrong, and well again by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.outages import SCENARIOS, run

AWAY_S = 1.5
# The others are the benchmark's: each takes as long.
PLAYED = ("accounts in Redis, killed", "accounts in SQLite, disk full, admit", "audit, disk full, refuse")


@pytest.mark.parametrize("name", PLAYED)
async def test_an_outage(name: str, short: Path, redis_installed: None) -> None:
    """Refused or answered as configured; every answer is right, paid and recorded."""
    found = await run(name, AWAY_S, short)
    assert set(found.during) == {SCENARIOS[name].expected}
    assert set(found.after) == {"ok"}
    assert (found.wrong, found.unpaid, found.unrecorded, found.problems) == (0, 0, 0, [])
    assert found.sound
