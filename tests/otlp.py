"""A receiver of traces in a process of its own, and what it has received."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.serving import free_port

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where traces go, and the file that they end up in."""

    url: str
    file: Path

    def spans(self) -> list[dict[str, Any]]:
        """Return every span received so far."""
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def until(self, enough: Callable[[list[dict[str, Any]]], bool], within_s: float = 30.0) -> list[dict[str, Any]]:
        """Wait for *enough* spans and return them all."""
        deadline_s = time.monotonic() + within_s
        while not enough(found := self.spans()):
            assert time.monotonic() < deadline_s, found
            time.sleep(0.1)
        return found


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """Receive traces for the length of the block."""
    port, file = free_port(), folder / "spans.jsonl"
    process = subprocess.Popen([sys.executable, "-m", "tests.otlp_receiver", str(port), str(file)], cwd=ROOT)
    try:
        deadline_s = time.monotonic() + 30
        while not _listens(port):
            assert process.poll() is None, "the receiver ended"
            assert time.monotonic() < deadline_s, "the receiver does not listen"
            time.sleep(0.05)
        yield Receiver(f"http://127.0.0.1:{port}", file)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
