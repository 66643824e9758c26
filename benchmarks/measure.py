"""Run one workload against one server, with the server's CPU clocks read around it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from subprocess import PIPE
from typing import IO, cast

import msgspec

from benchmarks.contenders.places import ROOT
from benchmarks.contenders.server import Server
from benchmarks.cpu_time import spent
from benchmarks.figures import Figures
from benchmarks.workload import Workload


class LoadFailedError(Exception):
    """The load generator itself failed; the message is what it said."""


def measure(server: Server, workload: Workload) -> Figures:
    """Return what *workload* saw of *server*; raises LoadFailedError."""
    command = [sys.executable, "-m", "benchmarks.load", str(server.launch.port)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT) as generator:
        try:
            _tell(generator, msgspec.json.encode(workload), until=b"ready")
            before = server.clocks()
            _tell(generator, b"begin", until=b"ended")
            used = spent(before, server.clocks())
            # communicate() would miss what was read together with the last line; the generator ends by itself.
            out = cast("IO[bytes]", generator.stdout).read()
        finally:
            generator.kill()
    seen = msgspec.json.decode(out, type=Figures)
    return msgspec.structs.replace(seen, engine_cpu_s=used.engine_s, framework_cpu_s=used.framework_s)


def _tell(generator: subprocess.Popen[bytes], line: bytes, *, until: bytes) -> None:
    """Send *line* and wait for the generator's answer; it ends by itself in bounded time, so this does."""
    with contextlib.suppress(BrokenPipeError):
        cast("IO[bytes]", generator.stdin).write(line + b"\n")
        cast("IO[bytes]", generator.stdin).flush()
    if cast("IO[bytes]", generator.stdout).readline().strip() != until:
        generator.kill()
        _, said = generator.communicate(timeout=10)
        raise LoadFailedError(f"the load generator ended: {said.decode('utf-8', 'replace')[-600:]}")
