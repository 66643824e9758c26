"""A contender under test: a server process with all that it starts, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil

from benchmarks.contenders.places import ROOT
from benchmarks.cpu_time import Reading, processes, reading
from cluster.ports import free_ports

MARKER = "TERCET_BENCHMARK"
READY_S = 420.0
STOP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a contender. ``environment`` comes over this process's own; ``model`` is the name it serves.

    ``key`` is what whoever asks it has to show, where it wants one.
    """

    name: str
    command: Sequence[str]
    port: int
    model: str
    environment: Mapping[str, str] = field(default_factory=dict)
    interrupt: signal.Signals = signal.SIGINT
    key: str = field(default="", repr=False)


class DidNotStartError(Exception):
    """A contender ended, or did not answer in time; the message ends with its last words."""


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    return free_ports(["it"])["it"]


class Server:
    """A started contender; ``started_s`` is how long it took until its first answer."""

    def __init__(self, launch: Launch, directory: Path) -> None:
        self.launch = launch
        self.started_s = 0.0
        self._marker = f"{MARKER}={launch.name}-{launch.port}"
        name, _, value = self._marker.partition("=")
        self.log = directory / f"{launch.name.replace(' ', '-')}-{launch.port}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                launch.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **launch.environment, name: value},
                cwd=ROOT,
                start_new_session=True,
            )
        self._root = psutil.Process(self._process.pid)

    def wait_ready(self, within_s: float = READY_S) -> None:
        """Wait for the first whole answer; raises DidNotStartError."""
        began_s = time.monotonic()
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() - began_s > within_s:
                raise DidNotStartError(f"{self.launch.name} did not start; its log {self.log} ends:\n{self._words()}")
            time.sleep(0.25)
        self.started_s = self.started_s or time.monotonic() - began_s

    @property
    def began_s(self) -> float:
        """When its first process began, in Unix seconds."""
        return float(self._root.create_time())

    def family(self) -> list[psutil.Process]:
        """Return every process of this contender."""
        return processes(self._root, self._marker)

    def clocks(self) -> Reading:
        """Read the CPU clocks of every process of this contender."""
        return reading(processes(self._root, self._marker))

    def cpu_s(self) -> float:
        """Add up the CPU seconds that its processes have used so far."""
        return sum(used.cpu_s for used in self.clocks().values())

    def pause(self) -> None:
        """Stop every process where it stands, so that a contender that waits takes nothing from the one at work."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let every process go on."""
        self._signal(signal.SIGCONT)

    def memory_bytes(self) -> int:
        """Add up what the processes hold in memory, pages shared between them counted once a sharer."""
        return sum(_proportional(process) for process in processes(self._root, self._marker))

    def stop(self) -> None:
        """Ask it to end, wait, and kill whatever is left of it by process id."""
        self.resume()
        family = processes(self._root, self._marker)
        if self._process.poll() is None:
            self._process.send_signal(self.launch.interrupt)
        try:
            self._process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        _, left = psutil.wait_procs(family, timeout=3)
        for process in [*left, *processes(self._root, self._marker)]:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _answers(self) -> bool:
        body = {"model": self.launch.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8,
                "stream": True}  # fmt: skip
        shown = {"authorization": f"Bearer {self.launch.key}"} if self.launch.key else {}
        url = f"http://127.0.0.1:{self.launch.port}/v1/chat/completions"
        try:
            with httpx.stream("POST", url, json=body, headers=shown, timeout=60) as answer:
                return answer.status_code == HTTPStatus.OK and "[DONE]" in answer.read().decode()
        except httpx.HTTPError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        for process in processes(self._root, self._marker):
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    def _words(self) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-25:])


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


@contextmanager
def running(launch: Launch, directory: Path) -> Iterator[Server]:
    """Run a contender for the length of the block, ready at its start and gone at its end."""
    server = Server(launch, directory)
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()
