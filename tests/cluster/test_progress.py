"""What a person sees while a cluster starts."""

from __future__ import annotations

from cluster.progress import Progress, furthest, waiting_for


def pools(**stages: str) -> dict[str, dict[str, object]]:
    return {name: {"min": 1, "stages": {stage: 1}} for name, stage in stages.items()}


def test_a_line_appears_for_every_change_and_only_then() -> None:
    """The same stage twice is said once."""
    progress = Progress(0.0)
    assert len(progress.lines(pools(dense="building", moe="loading"), 3.0)) == 2
    assert progress.lines(pools(dense="building", moe="loading"), 4.0) == []
    (line,) = progress.lines(pools(dense="loading", moe="loading"), 65.0)[:1]
    assert "1:05" in line
    assert "loading" in line
    assert "building checkpoint took 1:02" in line


def test_a_ready_pool_says_what_its_start_was_made_of() -> None:
    """The stages of the replica that is ready, without the instant ones."""
    replicas = [
        {"stage": "loading", "startup_s": {"process": 9.0}},
        {"stage": "ready", "startup_s": {"process": 2.2, "checkpoint": 0.01, "imports": 9.6, "warm_up": 0.8}},
    ]
    told = {"dense": {"min": 1, "stages": {"ready": 1, "loading": 1}, "replicas": replicas}}
    progress = Progress(0.0)
    progress.lines(pools(dense="warming"), 3.0)
    (line,) = progress.lines(told, 20.0)
    assert line.endswith("ready  (seconds: process 2, imports 10, warm up 1)")


def test_a_long_stage_is_mentioned_again() -> None:
    """Silence is not mistaken for a hang."""
    progress = Progress(0.0)
    progress.lines(pools(dense="loading"), 0.0)
    (line,) = progress.lines(pools(dense="loading"), 25.0)
    assert "loading, 0:25 so far" in line


def test_a_pool_is_as_far_as_its_furthest_replica() -> None:
    """One ready replica makes the pool ready, whatever the others do."""
    assert furthest({"stages": {"loading": 2, "ready": 1}}) == "ready"
    assert furthest({"stages": {}}) == "requested"


def test_waits_for_promised_replicas_only() -> None:
    """A pool with min 0 is not waited for."""
    told = {
        "a": {"min": 0, "stages": {}},
        "b": {"min": 1, "stages": {"warming": 1}},
        "c": {"min": 1, "stages": {"ready": 1}},
    }
    assert waiting_for(told) == ["b"]
