"""What Serve is asked and told."""

from __future__ import annotations

import threading

import pytest
import ray

from autoscale.controller.serve_reader import end, served
from autoscale.pools import PoolSettings


async def test_replicas_are_ended_side_by_side(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Looking one up may take the whole deadline, so that none is looked up after another."""
    together = threading.Barrier(3, timeout=10)

    def look_up(name: str, namespace: str) -> object:
        together.wait()
        raise ValueError(f"{name} is gone")

    monkeypatch.setattr(ray, "get_actor", look_up)
    await end(("a", "b", "c"), 20.0)
    assert not together.broken
    assert sorted(caplog.messages) == [f"replica_not_cancelled actor={name} reason={name} is gone" for name in "abc"]


def test_a_replica_that_serve_is_finding_again_runs_and_is_told_apart() -> None:
    """Other states are as Serve says, and what is neither is left out."""
    replicas = [
        {"replica_id": state, "state": state, "start_time_s": 1.0, "actor_name": "", "node_id": "n0", "pid": 1}
        for state in ("RUNNING", "RECOVERING", "STOPPING", "STARTING", "UNKNOWN")
    ]
    deployment = {"target_num_replicas": 2, "replicas": replicas}
    settings = PoolSettings(name="dense", application="a", deployment="d", min_replicas=1, max_replicas=3)
    details = {"applications": {"a": {"deployments": {"d": deployment}}}}
    read = served(details, (settings,), at_s=5.0)
    assert read.listed == {"RUNNING", "RECOVERING", "STOPPING", "STARTING", "UNKNOWN"}
    found = read.pools["dense"].replicas
    assert [(one.state, one.recovering) for one in found] == [
        ("running", False),
        ("running", True),
        ("stopping", False),
        ("starting", False),
    ]
