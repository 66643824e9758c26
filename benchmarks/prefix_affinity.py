"""Does choosing replicas keep their prefix caches warm? ``python -m benchmarks.prefix_affinity``.

The same prompts go to one replica and then to two. Prompts that share long prefixes must be found in the cache as
often with two replicas as with one; prompts that share nothing must leave both replicas equally busy.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from benchmarks.answers import read
from benchmarks.contenders import tercet
from benchmarks.contenders.places import product_prefix, scratch_directory
from benchmarks.contenders.server import Server, free_port, running
from benchmarks.load import Connection, drive
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from benchmarks.workload import chat, prompt

STREAMS = 8
TOKENS = 16
PREFIXES, ASKS, PREFIX_WORDS = 16, 8, 220
LONE_PROMPTS, LONE_WORDS = 128, 60
HEARD_S = 3.0  # a replica reports once a second
CLOSE_POINTS = 5.0

POOL = {"source": "demo/dense", "engine": {"max_num_seqs": 16, "max_model_len": 2048}}


class Affinity(msgspec.Struct, frozen=True, kw_only=True):
    """One workload on so many replicas; ``busiest_share`` is the busiest replica's part of the generated tokens."""

    workload: str
    replicas: int
    hit_rate: float
    busiest_share: float
    failed: int


def shared_prompts(seed: int) -> list[str]:
    """Return prompts in groups that begin alike, in no order: conversations, or one task's long instructions."""
    rng = Random(seed)  # noqa: S311 - prompts, no secret
    prefixes = [prompt(rng, PREFIX_WORDS) for _ in range(PREFIXES)]
    prompts = [f"{prefix} {prompt(rng, 12)}" for prefix in prefixes for _ in range(ASKS)]
    rng.shuffle(prompts)
    return prompts


def lone_prompts(seed: int) -> list[str]:
    """Return prompts that share nothing."""
    rng = Random(seed)  # noqa: S311 - prompts, no secret
    return [prompt(rng, LONE_WORDS) for _ in range(LONE_PROMPTS)]


def grown(before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> list[dict[str, int]]:
    """Return, replica by replica, by how much its totals grew."""
    return [
        {name: value - before.get(replica, {}).get(name, 0) for name, value in totals.items()}
        for replica, totals in after.items()
    ]


def judged(workload: str, totals: Sequence[Mapping[str, int]], *, failed: int) -> Affinity:
    """Return the hit rate over all replicas and how the work was shared out."""
    queries = sum(one["prefix_queries"] for one in totals)
    generated = [one["generated_tokens"] for one in totals]
    return Affinity(
        workload=workload,
        replicas=len(totals),
        hit_rate=sum(one["prefix_hits"] for one in totals) / queries if queries else 0.0,
        busiest_share=max(generated) / sum(generated) if sum(generated) else 0.0,
        failed=failed,
    )


def main() -> None:
    """Measure one replica, then two; print both and write results/prefix_affinity.json."""
    found: list[Affinity] = []
    with scratch_directory() as directory:
        for replicas in (1, 2):
            pool = {**POOL, "replicas": {"min": replicas, "max": replicas}}
            with running(tercet.launch(pool, free_port(), directory), directory) as server:
                _wait_for(server, replicas)
                found.append(_measured(server, "shared prefixes", shared_prompts(seed=1)))
                found.append(_measured(server, "no shared prefixes", lone_prompts(seed=2)))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "prefix_affinity.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    show_sheets([sheet(found)])
    one, two = (each.hit_rate * 100 for each in found if each.workload == "shared prefixes")
    print(f"two replicas against one: {two - one:+.1f} points; at least {-CLOSE_POINTS:g} is wanted")


def sheet(found: Sequence[Affinity]) -> Sheet:
    """Return the table of all measurements."""
    head = ["workload", "replicas", "prefix-hit rate", "busiest replica's share", "failed"]
    rows = [
        [one.workload, str(one.replicas), f"{one.hit_rate:.1%}", f"{one.busiest_share:.0%}", str(one.failed)]
        for one in found
    ]
    return Sheet("Prefix affinity, real engine", head, rows)


def _measured(server: Server, workload: str, prompts: Sequence[str]) -> Affinity:
    before = _totals(server)
    failed = _sent(server, prompts)
    time.sleep(HEARD_S)
    return judged(workload, grown(before, _totals(server)), failed=failed)


def _sent(server: Server, prompts: Sequence[str]) -> int:
    """Send every prompt over a few closed loops; returns how many answers were not whole."""
    bodies = [msgspec.json.encode(chat(server.launch.model, text, tokens=TOKENS)) for text in prompts]
    connections = [Connection(server.launch.port, bodies[at::STREAMS]) for at in range(STREAMS)]
    drive(connections, within_s=600.0)
    answers = [read(sent_s, pieces, tokens=TOKENS) for one in connections for sent_s, pieces in one.exchanges]
    return len(prompts) - sum(not answer.fault for answer in answers)


def _wait_for(server: Server, replicas: int, within_s: float = 240.0) -> None:
    """Wait until so many replicas are ready: the first answer comes from the first of them."""
    until_s = time.monotonic() + within_s
    while sum(one["stage"] == "ready" for one in _replicas(server)) < replicas:
        if time.monotonic() > until_s:
            raise TimeoutError(f"{replicas} replicas were not ready within {within_s:g} s")
        time.sleep(1.0)


def _totals(server: Server) -> dict[str, dict[str, int]]:
    return {one["replica"]: one["totals"] for one in _replicas(server) if one["totals"]}


def _replicas(server: Server) -> list[dict[str, Any]]:
    command = [str(product_prefix() / "bin" / "tercet"), "status", "--port", str(server.launch.port), "--json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    replicas: list[dict[str, Any]] = json.loads(said.stdout)["pools"]["dense"]["replicas"]
    return replicas


if __name__ == "__main__":
    main()
