"""Further machines of a Tercet under test: raylets of their own, which can die."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from cluster.ports import free_ports
from cluster.run_state import state_dir
from tests.serving import Serving

RAY = str(Path(sys.executable).with_name("ray"))
_HAPROXY = "RAY_SERVE_HAPROXY_BINARY_PATH"
_PORTS = ("fallback_http", "fallback_grpc", "stats", "metrics", "agent", "export", "runtime_env")


class Machine:
    """One raylet beside the one that ``tercet serve`` has started, with an address of its own on loopback.

    Serve's proxy there listens on that address, as it would on a machine of its own: clients come through the first.
    """

    def __init__(self, one: Serving, number: int, *, cpus: int) -> None:
        self.address = f"127.0.0.{number}"
        self._directory = state_dir(one.port) / f"machine-{number}"
        self._directory.mkdir()
        ports = free_ports(_PORTS)
        with (self._directory / "raylet.log").open("w") as log:
            self._process = subprocess.Popen(
                self._command(one, ports, cpus),
                env=self._environment(one, ports),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _command(self, one: Serving, ports: dict[str, int], cpus: int) -> list[str]:
        running: dict[str, Any] = json.loads((state_dir(one.port) / "run.json").read_text())
        told = {
            "address": running["ray_address"],
            "node-ip-address": self.address,
            "num-cpus": cpus,
            "num-gpus": 0,
            "object-store-memory": 100 * 2**20,
            "min-worker-port": 0,
            "max-worker-port": 0,
            "dashboard-agent-listen-port": ports["agent"],
            "metrics-export-port": ports["export"],
            "runtime-env-agent-port": ports["runtime_env"],
            "include-log-monitor": False,
        }
        return [
            RAY,
            "start",
            "--block",
            "--disable-usage-stats",
            *(f"--{name}={value}" for name, value in told.items()),
        ]

    def _environment(self, one: Serving, ports: dict[str, int]) -> dict[str, str]:
        raylet = next(process for process in one.processes() if process.name() == "raylet")
        known = raylet.environ()
        own = {
            "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports["fallback_http"]),
            "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(ports["fallback_grpc"]),
            "RAY_SERVE_HAPROXY_STATS_PORT": str(ports["stats"]),
            "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports["metrics"]),
        }
        if _HAPROXY in known:
            own[_HAPROXY] = self._haproxy(known[_HAPROXY])
        return {**known, **own}

    def _haproxy(self, binary: str) -> str:
        """Write a command that has HAProxy listen here instead of where the first machine's does; return its path."""
        script = self._directory / "haproxy-here"
        here = f"s/bind 127[.]0[.]0[.]1:/bind {self.address}:/"
        script.write_text(
            '#!/bin/sh\nlast=\nfor word in "$@"; do\n'
            f'  [ "$last" = -f ] && sed -i {shlex.quote(here)} "$word"\n'
            f'  last=$word\ndone\nexec {shlex.quote(binary)} "$@"\n'
        )
        script.chmod(0o700)
        return str(script)

    def die(self) -> None:
        """End every process of the machine at once."""
        for process in (*self.processes(), psutil.Process(self._process.pid)):
            if process.is_running():
                process.kill()
        self._process.wait(timeout=20)

    def processes(self) -> list[psutil.Process]:
        """Return every process of the machine."""
        return psutil.Process(self._process.pid).children(recursive=True) if self._process.poll() is None else []


@contextmanager
def machine(one: Serving, number: int, *, cpus: int) -> Iterator[Machine]:
    """Run a further machine for the length of the block, unless it dies before."""
    found = Machine(one, number, cpus=cpus)
    try:
        yield found
    finally:
        if found._process.poll() is None:
            found.die()
