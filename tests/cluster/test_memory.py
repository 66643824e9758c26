"""A plan that does not fit the memory is refused before anything starts."""

from __future__ import annotations

from cluster.machine import this_machine
from cluster.memory import shortage, wanted_bytes
from cluster.plan import Plan
from cluster.resolve import resolve


def plan(replicas: int) -> Plan:
    document = {
        "models": {
            "dense": {
                "family": "dense",
                "source": "demo/dense",
                "engine": {"kv_cache_memory_bytes": 2**30},
                "replicas": {"min": replicas, "max": replicas},
            }
        }
    }
    planned = resolve(document, (this_machine(),))
    assert isinstance(planned, Plan), planned
    return planned


def test_more_replicas_and_more_cache_want_more() -> None:
    """Every replica that starts counts, with its KV cache."""
    assert wanted_bytes(plan(2)) == 2 * wanted_bytes(plan(1))
    assert wanted_bytes(plan(1)) > 2**30


def test_says_what_is_missing_and_the_way_out() -> None:
    """One sentence with both figures."""
    one = plan(1)
    assert shortage(one, wanted_bytes(one)) is None
    told = shortage(one, wanted_bytes(one) - 1)
    assert told is not None
    assert "GiB" in told
    assert "remove a model" in told
