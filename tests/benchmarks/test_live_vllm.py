"""What is told of a pool's life, from what its controller says."""

from __future__ import annotations

from typing import Any

from benchmarks.live_vllm_watch import Life


def replica(name: str, stage: str, *, requested_s: float, since_s: float, tokens: int = 0) -> dict[str, Any]:
    return {
        "replica": name, "stage": stage, "requested_s": requested_s, "since_s": since_s,
        "startup_s": {"imports": 7.0, "weights": 3.0}, "totals": {"generated_tokens": tokens},
    }  # fmt: skip


def status(
    at_s: float, *replicas: dict[str, Any], parked: tuple[str, ...] = (), to: int | None = None
) -> dict[str, Any]:
    decided = [{"pool": "dense", "at_s": at_s, "from": 3 - to, "to": to, "reason": "demand"}] if to else []
    return {
        "at_s": at_s, "decisions": decided, "pools": {"dense": {"replicas": list(replicas), "parked": list(parked)}}
    }  # fmt: skip


def test_a_replica_is_told_of_from_its_order_to_its_end() -> None:
    """Each thing once, at its own time, however often it is seen."""
    life = Life("dense", 100.0)
    first = replica("a", "ready", requested_s=50.0, since_s=90.0, tokens=5)
    seen = [
        status(110.0, first),
        status(111.0, first, replica("b", "loading", requested_s=110.5, since_s=110.8), to=2),
        status(111.5, first, replica("b", "loading", requested_s=110.5, since_s=110.8)),
        status(130.0, first, replica("b", "ready", requested_s=110.5, since_s=129.5)),
        status(132.0, first, replica("b", "ready", requested_s=110.5, since_s=129.5, tokens=1)),
        status(200.0, first, replica("b", "ready", requested_s=110.5, since_s=129.5, tokens=9), parked=("b",), to=1),
        status(205.0, first, replica("b", "draining", requested_s=110.5, since_s=129.5, tokens=9)),
        status(207.0, first),
    ]
    told = [(event.t_s, event.what) for one in seen for event in life.see(one)][3:]
    assert told == [
        (11.0, "decided: 1 to 2, demand"),
        (10.5, "replica 2 is asked for"),
        (10.8, "replica 2: loading"),
        (29.5, "replica 2: ready after 19.0 s (imports 7.0, weights 3.0)"),
        (32.0, "replica 2 has generated tokens"),
        (100.0, "decided: 2 to 1, demand"),
        (100.0, "replica 2 is sent nothing more"),
        (105.0, "replica 2: draining"),
        (107.0, "replica 2 is gone"),
    ]
