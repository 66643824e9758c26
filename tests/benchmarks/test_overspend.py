"""Two gateways over HTTP, one killed, everything at once: what the engines have counted is within the budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.overspend import GRAPH, STORES, run


@pytest.mark.parametrize("store", STORES)
async def test_no_budget_is_overspent(store: str, short: Path, redis_installed: None) -> None:
    """By streams, whole answers, tools, cascades, races, votes, mirrors, the cache, and those who leave."""
    found = await run(store, 400, 24, short, lapse_s=0.0)
    assert found.overspend == 0
    assert found.settled <= found.budget
    assert (found.reserved, found.overrun) == (0, 0)
    assert found.engines > found.budget / 2
    assert {"ok", "left", "budget_exhausted"} <= set(found.outcomes)
    assert set(found.kinds) == {"stream", "whole", "unlimited", "tools", *GRAPH}
    assert found.mirrored > 0
