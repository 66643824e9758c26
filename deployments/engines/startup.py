"""How long each stage of a replica's start took: what autoscaling waits for, in parts.

A stage lasts from the end of the one before, so that they add up to the whole:

``process``     from the start of the replica's process until it asks for its engine
``checkpoint``  finding the checkpoint, or building a demo
``imports``     vLLM's, in the replica and in its engine core
``weights``     loading the model
``kv_cache``    profiling where it is needed, and allocating the cache
``serving``     the front end: tokenizer, chat template, handlers
``warm_up``     one answer
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

# Names the file in which an engine's own processes note the stages that they come through.
NOTES = "TERCET_STARTUP_NOTES"

Durations = tuple[tuple[str, float], ...]


class Startup:
    """Seconds by stage of one start; ``began_s`` is Unix time."""

    def __init__(self, began_s: float | None = None, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._began_s = self._last_s = wall() if began_s is None else began_s
        self._seconds: dict[str, float] = {}

    def ended(self, stage: str, at_s: float | None = None) -> None:
        """End *stage*, at *at_s* (Unix time) or now; one that ends twice lasted until the later end."""
        at_s = self._wall() if at_s is None else at_s
        self._seconds[stage] = self._seconds.get(stage, 0.0) + max(0.0, at_s - self._last_s)
        self._last_s = max(at_s, self._last_s)

    def elapsed_s(self) -> float:
        """Return how long ago the start began."""
        return max(0.0, self._wall() - self._began_s)

    def read(self) -> Durations:
        """Return the stages that have ended, in order."""
        return tuple((stage, round(seconds, 3)) for stage, seconds in self._seconds.items())


def process_began_s() -> float:
    """Return when this process began, in Unix seconds."""
    return float(psutil.Process().create_time())


def note(stage: str) -> None:
    """Note the end of *stage* for the replica, in an engine's own process."""
    if path := os.environ.get(NOTES):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{stage} {time.time():.3f}\n")


def notes(file: Path) -> Iterator[tuple[str, float]]:
    """Yield what was noted, in order; nothing where nobody did."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        stage, _, at_s = line.partition(" ")
        yield stage, float(at_s)
