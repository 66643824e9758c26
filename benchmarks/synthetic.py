"""The contenders around the same synthetic engine: plain uvicorn, ray.serve.llm, Tercet."""

from __future__ import annotations

from pathlib import Path

from benchmarks.added_ttft import added_ttft
from benchmarks.contenders import plain, ray_llm, tercet
from benchmarks.contenders.server import Launch, Server, free_port
from benchmarks.contenders.synthetic import SPEC
from benchmarks.results import Results
from benchmarks.rounds import Point, Say, at_rest, awake, lined_up, rounds

POINTS = tuple(Point(streams=streams, answers=2) for streams in (1, 32, 128, 512))


def measure_synthetic(found: Results, directory: Path, *, count: int, pairs: int, say: Say) -> None:
    """Measure everyone *count* times, and Tercet's added time to the first token over *pairs*, into *found*."""
    with lined_up(_launches(directory, peers=count > 0), directory, say) as servers:
        if count:
            found.starts += at_rest("synthetic", servers)
            found.records += rounds("synthetic", servers, POINTS, count=count, say=say)
        _added(found, servers, pairs, say)


def _launches(directory: Path, *, peers: bool) -> list[Launch]:
    pool = {"source": "none/needed", "runtime": "synthetic", "synthetic": SPEC.model_dump(mode="json")}
    ray = [ray_llm.synthetic(SPEC, "best", free_port(), directory)] if peers else []
    return [plain.launch(SPEC, free_port()), *ray, tercet.launch(pool, free_port(), directory)]


def _added(found: Results, servers: dict[str, Server], pairs: int, say: Say) -> None:
    if not {"plain uvicorn", "tercet"} <= servers.keys():
        return
    with awake(servers["plain uvicorn"]) as base, awake(servers["tercet"]) as ours:
        found.added_ttft = seen = added_ttft(base.launch.port, ours.launch.port, pairs=pairs)
    say(f"added TTFT: {seen.added_p50_ms:+.1f} ms ({seen.low_ms:.1f} to {seen.high_ms:.1f}), {seen.pairs} pairs")
