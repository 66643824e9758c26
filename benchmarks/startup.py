"""``python -m benchmarks.startup``: from the start of a process to the first token, raw vLLM and Tercet in turns.

Of raw vLLM it is the server's process; of Tercet the replica's, which is what autoscaling waits for. ``replaced`` is a
replica that Serve starts after the first was killed, from the kill, with all that Serve and Ray do in between.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx
import msgspec
import psutil
import typer

from benchmarks.contenders import raw_vllm, tercet
from benchmarks.contenders.engine import POOL, RealEngine, real_engine
from benchmarks.contenders.server import Server, free_port
from benchmarks.first_token import first_token_at
from benchmarks.results import FOLDER
from benchmarks.rounds import order
from benchmarks.setup import facts, utc_now
from benchmarks.spread import ratios, spread

WITHIN_S = 240.0
REPLICA = "ray::ServeReplica:pool-dense:Engine"
STAGE = "tercet_replica_startup_seconds{"


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the start to the first token, and by stage where the contender tells them."""

    contender: str
    seconds: float
    stages: dict[str, float] = {}


def raw(engine: RealEngine, directory: Path) -> list[Started]:
    """Start raw vLLM's server."""
    port = free_port()
    server = Server(raw_vllm.launch(engine, port), directory)
    try:
        return [Started(contender="raw vllm", seconds=first_token_at(port, within_s=WITHIN_S) - server.began_s)]
    finally:
        server.stop()


def replicas(directory: Path) -> list[Started]:
    """Start Tercet, then take its replica away."""
    port = free_port()
    server = Server(tercet.launch(POOL, port, directory), directory)
    try:
        at_s = first_token_at(port, within_s=WITHIN_S)
        replica = _replica(server)
        first = Started(contender="tercet", seconds=at_s - replica.create_time(), stages=_stages(port))
        replica.kill()
        killed_s = time.time()
        replica.wait(timeout=30)
        seconds = first_token_at(port, within_s=WITHIN_S) - killed_s
        return [first, Started(contender="replaced", seconds=seconds, stages=_stages(port))]
    finally:
        server.stop()


def _replica(server: Server) -> psutil.Process:
    return next(process for process in server.family() if " ".join(process.cmdline()).startswith(REPLICA))


def _stages(port: int) -> dict[str, float]:
    """Read the stages once the gateway has heard of them."""
    time.sleep(3.0)
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text.splitlines()
    return {line.split('stage="')[1].split('"')[0]: float(line.split()[-1]) for line in lines if line.startswith(STAGE)}


def told(found: Mapping[str, list[Started]]) -> dict[str, Any]:
    """Return medians with their range, stages, and the ratios to raw vLLM round by round."""
    seconds = {name: [one.seconds for one in rounds] for name, rounds in found.items()}
    theirs = seconds["raw vllm"]
    return {
        name: {
            "seconds": str(spread(values)),
            "ratio to raw vllm": str(spread(ratios(values, theirs))),
            "stages": _medians([one.stages for one in found[name]]),
        }
        for name, values in seconds.items()
    }


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {stage: round(median(one.get(stage, 0.0) for one in rounds), 2) for stage in rounds[0]}


def main(rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 3) -> None:
    """Measure start-ups in turns, print them, and write results/startup.json."""
    found: dict[str, list[Started]] = {}
    engine = real_engine()
    with tempfile.TemporaryDirectory(prefix="b-", ignore_cleanup_errors=True) as folder:
        contenders: dict[str, Callable[[], list[Started]]] = {
            "raw": lambda: raw(engine, Path(folder)),
            "tercet": lambda: replicas(Path(folder)),
        }
        for turn in range(rounds):
            for name in order(list(contenders), turn):
                for started in contenders[name]():
                    found.setdefault(started.contender, []).append(started)
                    typer.echo(f"round {turn + 1}/{rounds}  {started.contender}: {started.seconds:.1f} s")
    results = {
        "at": utc_now(),
        "setup": {**facts(), "rounds": str(rounds)},
        "found": told(found),
        "rounds": msgspec.to_builtins(found),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "startup.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    typer.echo(json.dumps(results["found"], indent=1))


if __name__ == "__main__":
    typer.run(main)
