"""Start, kill, pause and start again: engines, gateways, a Redis server."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any, cast
from urllib.error import URLError
from urllib.request import urlopen

import msgspec

from benchmarks.contenders.places import ROOT
from benchmarks.contenders.server import DidNotStartError, free_port
from benchmarks.gateways.engine import Computed

STARTS_WITHIN_S = 30.0
STOPS_WITHIN_S = 30.0


class Process:
    """A command that may be killed and started again; what it says goes to *log*."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self._log = command, log
        self._running = self._start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._running.pid

    def kill(self) -> None:
        """End it without a word, as a lost machine would."""
        self.go_on()
        self._running.kill()
        self._running.wait()
        self._closed()

    def stop(self) -> None:
        """Have it end in order; kill it where it does not."""
        self.go_on()
        self._running.terminate()
        try:
            self._running.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._closed()

    def again(self) -> None:
        """Start it again."""
        self._running = self._start()

    def hang(self) -> None:
        """Have it do nothing any more, and keep its connections."""
        self._running.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._running.send_signal(signal.SIGCONT)

    def wait(self, ready: Callable[[], bool]) -> None:
        """Wait until it is *ready*; raises DidNotStartError with its last words."""
        by_s = time.monotonic() + STARTS_WITHIN_S
        while not ready():
            if self._running.poll() is not None or time.monotonic() > by_s:
                raise DidNotStartError(f"{' '.join(self._command)[:200]}\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, stdin=PIPE, stdout=PIPE, stderr=log, cwd=ROOT, text=True)

    def _closed(self) -> None:
        for pipe in (self._running.stdin, self._running.stdout):
            with suppress(OSError):
                cast("Any", pipe).close()


class Engine(Process):
    """One pool's synthetic engine."""

    def __init__(self, pool: str, spec: Mapping[str, Any], folder: Path) -> None:
        self._file = folder / f"{pool}.json"
        module = "benchmarks.gateways.engine"
        super().__init__([sys.executable, "-m", module, pool, json.dumps(spec), str(folder)], folder / f"{pool}.log")

    def ready(self) -> bool:
        """Say whether gateways can find it."""
        return self._file.exists()

    def computed(self) -> Computed:
        """Ask for its counters."""
        cast("Any", self._running.stdin).write("\n")
        cast("Any", self._running.stdin).flush()
        return msgspec.json.decode(cast("Any", self._running.stdout).readline(), type=Computed)


class Gateway(Process):
    """One gateway on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = free_port(), folder
        command = [sys.executable, "-m", "benchmarks.gateways.gateway", str(self.port), str(folder)]
        super().__init__(command, folder / f"gateway-{self.port}.log")

    def ready(self) -> bool:
        """Say whether it takes requests."""
        return self.status("/ready") == 200  # noqa: PLR2004 - HTTP's

    def status(self, path: str) -> int:
        """Return the HTTP status of a path, 0 where nobody answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return int(answer.status)
        except URLError as error:
            return int(getattr(error, "code", 0))
        except OSError:
            return 0

    def said(self) -> str:
        """Return what it has logged."""
        return self._log.read_text()


class Redis(Process):
    """A Redis server on a socket, which forgets nothing that it has answered."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._socket = folder / "s"
        binary = shutil.which("redis-server")
        if binary is None:
            raise DidNotStartError("redis-server is not installed (Debian: apt-get install redis-server)")
        place = ["--port", "0", "--unixsocket", str(self._socket), "--dir", str(folder), "--logfile", "log"]
        kept = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
        super().__init__([binary, *place, *kept], folder / "err")
        self.wait(self.ready)

    @property
    def url(self) -> str:
        """Return where it is reached."""
        return f"unix://{self._socket}"

    def ready(self) -> bool:
        """Say whether it is there."""
        return self._socket.exists()

    def again(self) -> None:
        """Start it again with what it had."""
        self._socket.unlink(missing_ok=True)
        super().again()
        self.wait(self.ready)


@contextmanager
def engines(specs: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[dict[str, Engine]]:
    """Run an engine for each pool."""
    (folder / "engines").mkdir()
    with ExitStack() as stack:
        started = {}
        for pool, spec in specs.items():
            started[pool] = engine = Engine(pool, spec, folder / "engines")
            stack.callback(engine.kill)
        for engine in started.values():
            engine.wait(engine.ready)
        yield started


@contextmanager
def gateways(count: int, settings: Mapping[str, Any], folder: Path) -> Iterator[list[Gateway]]:
    """Run *count* gateways with the same settings, over the engines of *folder*."""
    tell(settings, folder)
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            started.append(gateway := Gateway(folder))
            stack.callback(gateway.stop)
        for gateway in started:
            gateway.wait(gateway.ready)
        yield started


def tell(settings: Mapping[str, Any], folder: Path) -> None:
    """Write down what gateways of *folder* are told; its engines are the models where *settings* name none."""
    known = {file.stem: {"family": file.stem} for file in (folder / "engines").glob("*.json")}
    (folder / "settings.json").write_text(json.dumps({"models": known, **settings}))


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """Run a server."""
    server = Redis(folder)
    try:
        yield server
    finally:
        server.kill()
