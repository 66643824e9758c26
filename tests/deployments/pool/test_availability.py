"""Waiting for a pool is decided from what the controller last said."""

from __future__ import annotations

import pytest

from deployments.errors import NoReplica
from deployments.pool.availability import refusal, waking_s
from deployments.signals import FleetView, PoolState


def view(**state: object) -> FleetView:
    return FleetView(at_s=0.0, pools={"dense": PoolState(**{"ready": 0, "target": 1, "starting": 0, **state})})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "seen",
    [
        None,
        FleetView(at_s=0.0, pools={}),
        view(ready=1),
        view(scaled_to_zero=True, target=0),
        view(scaled_to_zero=True, target=1, starting=1),
    ],
    ids=[
        "no word yet",
        "a controller that starts anew",
        "a replica is ready",
        "at zero on purpose",
        "waking from zero",
    ],
)
def test_waits_while_a_replica_may_come(seen: FleetView | None) -> None:
    """Not knowing, having one, or being asleep on purpose are reasons to wait."""
    assert refusal("dense", seen) is None


def test_refuses_a_pool_that_lost_its_replicas() -> None:
    """A pool that should have replicas and has none is told at once, with advice when to come back."""
    refused = refusal("dense", view(starting=1))
    assert isinstance(refused, NoReplica)
    assert refused.retry_after_s
    assert "1 starting" in refused.message


def test_refuses_a_pool_that_sleeps_until_an_operator_speaks() -> None:
    """Nobody knows when that will be; a replica that is ready all the same answers."""
    told = {"scaled_to_zero": True, "target": 0, "kept_empty": "its first one waits for proposal 1a2b"}
    refused = refusal("dense", view(**told))
    assert isinstance(refused, NoReplica)
    assert refused.message == "dense has no replica: its first one waits for proposal 1a2b"
    assert refused.retry_after_s
    assert refusal("dense", view(**told, ready=1)) is None


def test_refuses_a_pool_that_has_been_removed() -> None:
    """A controller that knows other pools has forgotten this one for good: its deadline would bring nothing."""
    refused = refusal("moe", view(ready=1))
    assert isinstance(refused, NoReplica)
    assert refused.retry_after_s
    assert "no pool moe" in refused.message


def test_advice_on_when_to_come_back_follows_what_a_start_takes() -> None:
    """A pool that loads for minutes says so."""
    refused = refusal("dense", view(starting=1, ready_in_s=170.0))
    assert refused is not None
    assert refused.retry_after_s == 170.0
    assert waking_s("dense", view(ready_in_s=170.0)) == 170.0
    assert waking_s("dense", view(ready=1, ready_in_s=170.0)) is None
    assert waking_s("dense", None) is None
