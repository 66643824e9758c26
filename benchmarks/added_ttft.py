"""How much later the first token comes through Tercet than from plain uvicorn around the same engine.

``python -m benchmarks.added_ttft PORT PORT PAIRS KEY``: one stream, pairs of requests one after the other, who goes
first changing from pair to pair; prints each pair's two times to the first token in milliseconds. The second server is
shown the key, where there is one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

import msgspec

from benchmarks.answers import read
from benchmarks.contenders.places import ROOT
from benchmarks.load import Connection, drive
from benchmarks.spread import interval
from benchmarks.workload import Workload

TOKENS = 2
# A synthetic engine finishes the step that it is in before it looks for new work: the next request waits for rest.
REST_S = 0.05
PAIRS_S = 300.0


class AddedTtft(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of paired times to the first token in milliseconds: median and its 95 % bootstrap interval."""

    pairs: int
    base_p50_ms: float
    ours_p50_ms: float
    added_p50_ms: float
    low_ms: float
    high_ms: float


def summed_up(pairs: Sequence[tuple[float, float]]) -> AddedTtft:
    """Return what (base, ours) pairs come to; raises ValueError without any."""
    added = [ours - base for base, ours in pairs]
    low, high = interval(added)
    return AddedTtft(
        pairs=len(pairs),
        base_p50_ms=median(base for base, _ in pairs),
        ours_p50_ms=median(ours for _, ours in pairs),
        added_p50_ms=median(added),
        low_ms=low,
        high_ms=high,
    )


def added_ttft(base_port: int, our_port: int, *, pairs: int, key: str = "") -> AddedTtft:
    """Measure in a process of its own, as every load is."""
    command = [sys.executable, "-m", "benchmarks.added_ttft", str(base_port), str(our_port), str(pairs), key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PAIRS_S, check=True, cwd=ROOT)
    return summed_up([(base, ours) for base, ours in json.loads(done.stdout)])


def _pairs(base_port: int, our_port: int, count: int, key: str) -> list[tuple[float, float]]:
    bodies = Workload(model="dense", streams=1, answers=2 * count + 2, tokens=TOKENS).bodies()
    sides = (Connection(base_port, []), Connection(our_port, [], key))
    for side in sides:  # the first answer of a connection pays for the connection
        _ttft_ms(side, bodies.pop())
    taken = []
    for turn in range(count):
        times = [0.0, 0.0]
        for at in (0, 1) if turn % 2 else (1, 0):
            times[at] = _ttft_ms(sides[at], bodies.pop())
        taken.append((times[0], times[1]))
    return taken


def _ttft_ms(connection: Connection, body: bytes) -> float:
    time.sleep(REST_S)
    connection.add(body)
    drive([connection], within_s=30.0)
    sent_s, pieces = connection.exchanges[-1]
    answer = read(sent_s, pieces, tokens=TOKENS)
    if answer.fault:
        raise RuntimeError(answer.fault)
    return answer.ttft_s * 1e3


if __name__ == "__main__":
    first, second, pairs = map(int, sys.argv[1:4])
    print(json.dumps(_pairs(first, second, pairs, sys.argv[4])))
