"""Interleave the contenders: in every round each is measured once at every point, and who begins changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.contenders.server import DidNotStartError, Launch, Server
from benchmarks.figures import Figures
from benchmarks.measure import LoadFailedError, measure
from benchmarks.workload import Workload

Say = Callable[[str], None]
SETTLE_S = 1.5
IDLE_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """So many streams, and how many answers each asks for in one measurement."""

    streams: int
    answers: int


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement; ``engine`` says which kind of engine all contenders held."""

    engine: str
    contender: str
    streams: int
    round: int
    figures: Figures


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """One contender at rest: seconds to its first answer, memory, and the part of a core it uses for nothing."""

    engine: str
    contender: str
    started_s: float
    memory_gib: float
    idle_share: float


def order(names: Sequence[str], turn: int) -> list[str]:
    """Return who is measured when in round *turn*: the next one begins each time."""
    shift = turn % len(names)
    return [*names[shift:], *names[:shift]]


@contextmanager
def lined_up(launches: Sequence[Launch], directory: Path, say: Say) -> Iterator[dict[str, Server]]:
    """Start every contender and pause it until its turn; one that does not start is said and left out."""
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for launch in launches:
            server = Server(launch, directory)
            stack.callback(server.stop)
            try:
                server.wait_ready()
            except DidNotStartError as error:
                say(str(error))
                continue
            say(f"{launch.name} answers after {server.started_s:.0f} s")
            servers[launch.name] = server
            server.pause()
        yield servers


def at_rest(engine: str, servers: dict[str, Server]) -> list[Start]:
    """Look at each contender while it has nothing to do."""
    return [_at_rest(engine, server) for server in servers.values()]


def rounds(
    engine: str, servers: dict[str, Server], points: Sequence[Point], *, count: int, say: Say
) -> Iterator[Record]:
    """Measure everything *count* times; the same round has the same prompts for everyone, another round others.

    A contender that breaks is said and has no figures for the rest of that round.
    """
    for turn in range(count):
        for name in order(list(servers), turn):
            try:
                with awake(servers[name]) as server:
                    for point, seen in _round(server, points, turn):
                        say(f"round {turn + 1}/{count}  {name}, {_said(point, seen)}")
                        yield Record(engine=engine, contender=name, streams=point.streams, round=turn, figures=seen)
            except (DidNotStartError, LoadFailedError) as error:
                say(f"round {turn + 1}/{count}  {name} broke: {error}")


def _round(server: Server, points: Sequence[Point], turn: int) -> Iterator[tuple[Point, Figures]]:
    launch = server.launch
    measure(server, Workload(model=launch.model, streams=4, answers=1, tokens=8, seed=-1 - turn, key=launch.key))
    for point in points:
        yield point, measure(server, _workload(server, point, turn))


@contextmanager
def awake(server: Server) -> Iterator[Server]:
    """Let a paused contender run for the length of the block, settled at its start."""
    server.resume()
    try:
        time.sleep(SETTLE_S)
        server.wait_ready(within_s=60.0)
        yield server
    finally:
        server.pause()


def _workload(server: Server, point: Point, turn: int) -> Workload:
    seed = 1_000 * turn + point.streams
    launch = server.launch
    return Workload(
        model=launch.model, streams=point.streams, answers=point.answers, seed=seed, key=launch.key
    )  # fmt: skip


def _at_rest(engine: str, server: Server) -> Start:
    with awake(server):
        before, began_s = server.cpu_s(), time.monotonic()
        time.sleep(IDLE_S)
        idle = (server.cpu_s() - before) / (time.monotonic() - began_s)
        memory = server.memory_bytes() / 2**30
    return Start(
        engine=engine,
        contender=server.launch.name,
        started_s=server.started_s,
        memory_gib=memory,
        idle_share=idle,
    )


def _said(point: Point, seen: Figures) -> str:
    plural = "s" * (point.streams > 1)
    note = f", {seen.failed} failed: {seen.faults}" if seen.failed else ""
    void = f", VOID: the load generator used {seen.generator_share:.0%} of a core" if seen.void else ""
    ttft = "" if seen.ttft_p50_ms is None else f", TTFT {seen.ttft_p50_ms:.0f} ms"
    return f"{point.streams} stream{plural}: {seen.tok_s:,.0f} tok/s{ttft}{note}{void}"
