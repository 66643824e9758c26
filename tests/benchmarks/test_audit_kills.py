"""Gateways that are killed while they answer: everything that was acknowledged has its record."""

from __future__ import annotations

from pathlib import Path

from benchmarks.audit_kills import run


async def test_what_was_acknowledged_is_recorded(short: Path) -> None:
    """Over HTTP, at random moments; the chains verify."""
    found = await run(2, short)
    assert (found.missing, found.doubled, found.problems) == (0, 0, [])
    assert found.acknowledged > 20
    assert found.records >= found.acknowledged
    assert found.chains == 4
