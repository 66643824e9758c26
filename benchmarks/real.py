"""The contenders around a real engine: raw vLLM, ray.serve.llm twice, Tercet."""

from __future__ import annotations

from pathlib import Path

from benchmarks import second_opinion
from benchmarks.contenders import raw_vllm, ray_llm, tercet
from benchmarks.contenders.engine import POOL, RealEngine, real_engine
from benchmarks.contenders.server import Launch, Server, free_port
from benchmarks.results import Results
from benchmarks.rounds import Point, Say, at_rest, awake, lined_up, order, rounds

POINTS = (Point(streams=1, answers=2), Point(streams=8, answers=2), Point(streams=32, answers=1))
OPINION_POINTS = (Point(streams=8, answers=2), Point(streams=32, answers=1))


def measure_real(found: Results, directory: Path, *, count: int, opinions: int, say: Say) -> None:
    """Measure everyone *count* times, and ask the second tool *opinions* times, into *found*."""
    engine = real_engine()
    with lined_up(_launches(engine, directory), directory, say) as servers:
        found.starts += at_rest("real", servers)
        found.records += rounds("real", servers, POINTS, count=count, say=say)
        for turn in range(opinions):
            for name in order(list(servers), turn):
                found.opinions += _opinions(servers[name], engine, turn, directory, say)


def _launches(engine: RealEngine, directory: Path) -> list[Launch]:
    return [
        raw_vllm.launch(engine, free_port()),
        ray_llm.real(engine, "defaults", free_port(), directory),
        ray_llm.real(engine, "best", free_port(), directory),
        tercet.launch(POOL, free_port(), directory),
    ]


def _opinions(server: Server, engine: RealEngine, turn: int, directory: Path, say: Say) -> list[second_opinion.Opinion]:
    said = []
    with awake(server):
        for point in OPINION_POINTS:
            one = second_opinion.ask(
                server, engine.checkpoint, streams=point.streams, answers=point.answers, turn=turn, directory=directory
            )
            say(f"{second_opinion.TOOL}  {one.contender}, {one.streams} streams: {one.tok_s:,.0f} tok/s")
            said.append(one)
    return said
