"""The demand on pools, and how long first tokens take by where a request comes from."""

from __future__ import annotations

import pytest

from deployments.errors import EngineFailed
from deployments.telemetry.demand import Demand
from deployments.telemetry.metrics import Metrics
from tests.deployments.leap import leap
from tests.deployments.scripted import Pause, Scripted, collect, compiled

GRAPH = {"auto": {"switch": [{"to": "careful"}]}, "careful": {"fallback": ["dense", "moe"]}}


def test_first_tokens_are_told_by_edge() -> None:
    """Once for each branch that came so far, from the node that asked."""
    now_s, seen = [0.0], list[tuple[str, str, float]]()
    demand = Demand(lambda: now_s[0], lambda *told: seen.append(told))
    for path in ((), ("auto", "careful"), ("auto", "careful", "dense!no_replica")):
        with demand.track("moe", path) as tracked:
            now_s[0] += 2.0
            tracked.token()
            now_s[0] += 1.0
            tracked.token()
    assert seen == [("careful", "moe", 2.0), ("careful", "moe", 2.0)]


def test_a_branch_without_a_token_tells_nothing() -> None:
    """It has no time to first token."""
    seen = list[tuple[str, str, float]]()
    demand = Demand(lambda: 0.0, lambda *told: seen.append(told))
    with pytest.raises(EngineFailed), demand.track("dense", ("auto",)):
        raise EngineFailed("broke")
    assert seen == []


def test_a_graph_s_edges_have_a_histogram() -> None:
    """Scraped with everything else."""
    metrics = Metrics()
    now_s = iter(range(1000))
    demand = Demand(lambda: float(next(now_s)), metrics.first_token_by_edge)
    leap(collect(compiled(GRAPH, Scripted({"dense": [Pause(1.0), b"a", b"b"]}), demand=demand)["auto"]))
    scraped = metrics.render().decode()
    assert 'tercet_graph_first_token_seconds_count{node="careful",target="dense"} 1.0' in scraped
