"""A Tercet of a benchmark's own that is looked at while it serves: its controller's word, and the machine's CPU."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.contenders.places import ROOT, product_prefix
from benchmarks.contenders.server import DidNotStartError, Launch, Server, free_port
from cluster.lifecycle.attached import attached
from cluster.lifecycle.deployment import answers
from cluster.lifecycle.fleet import fleet_status
from cluster.obstacles import CannotServeError
from cluster.run_state import state_dir

_READY_S, _LOOK_S = 300.0, 0.5

Status = Mapping[str, Any]


@dataclass(slots=True)
class Served:
    """A running Tercet that this process is connected to; ``status`` is ``tercet status --json`` without a process."""

    server: Server
    port: int

    def status(self) -> Status | None:
        """Return the controller's word, None while it is away."""
        try:
            return fleet_status(5.0)
        except (CannotServeError, TimeoutError):
            return None

    def until(self, wanted: Callable[[Mapping[str, Any]], bool], pool: str, *, within_s: float) -> Status:
        """Look until *wanted* says yes to what is said of *pool*; raises TimeoutError with what was said last."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            status = self.status()
            if status is not None and wanted(status["pools"][pool]):
                return status
            time.sleep(_LOOK_S)
        told = None if status is None else {key: status["pools"][pool][key] for key in ("stages", "target", "blind")}
        raise TimeoutError(f"not within {within_s:g} s; the controller says {told}")


@contextlib.contextmanager
def served(
    document: Mapping[str, Any], directory: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve *document* for the length of the block, without a request before it. Raises DidNotStartError."""
    port = free_port()
    file = directory / f"tercet-{port}.yaml"
    file.write_text(yaml.safe_dump(dict(document)))
    command = [str(product_prefix() / "bin" / "tercet"), "serve", str(file), "--port", str(port)]
    told = {"PYTHONPATH": str(ROOT), **(environment or {})}
    launch = Launch(name="tercet", command=command, port=port, model="", environment=told)
    server = Server(launch, directory)
    try:
        _wait(server, port)
        with attached(state_dir(port)):
            yield Served(server, port)
    finally:
        server.stop()


def _wait(server: Server, port: int) -> None:
    deadline_s = time.monotonic() + _READY_S
    while not (b"Ready after" in server.log.read_bytes() and answers(f"http://127.0.0.1:{port}")):
        if not server.family() or time.monotonic() > deadline_s:
            words = server.log.read_text("utf-8", "replace")[-2000:]
            raise DidNotStartError(f"tercet did not start; its log ends:\n{words}")
        time.sleep(0.25)


def _clocks() -> tuple[float, float]:
    times = psutil.cpu_times()
    total = float(sum(times[:8]))
    return total - times.idle - times.iowait, total


@dataclass(slots=True)
class Cpu:
    """How busy all cores together were, between two looks each; shares in [0, 1]."""

    shares: list[float] = field(default_factory=list)
    _last: tuple[float, float] = field(default_factory=_clocks)

    def look(self) -> None:
        """Note the share since the last look."""
        now, before = _clocks(), self._last
        if now[1] > before[1]:
            self.shares.append((now[0] - before[0]) / (now[1] - before[1]))
            self._last = now
