"""Running a build in a process of its own, under a deadline, its output passed on line by line."""

import os
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence

from deployments.engines.checkpoints.progress import CheckpointError, Report

KEPT_LINES = 5


def run(command: Sequence[str], what: str, report: Report, deadline_s: float) -> None:
    """Run *command* to its end; raise CheckpointError with the last it said when it fails or takes too long."""
    tail: deque[str] = deque(maxlen=KEPT_LINES)
    late = threading.Event()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(os.environ),
    ) as child:
        timer = threading.Timer(deadline_s, _end, (child, late))
        timer.start()
        try:
            for line in child.stdout or ():
                tail.append(line.rstrip())
                report(line.rstrip())
            code = child.wait()
        finally:
            timer.cancel()
            child.kill()
    if late.is_set():
        raise CheckpointError(f"{what} was not built within {deadline_s:.0f} s; the last it said: {_said(tail)}")
    if code:
        raise CheckpointError(f"{what} could not be built (exit code {code}): {_said(tail)}")


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Leave out the thread count meant for us, and let idle threads sleep: engines run on the same cores meanwhile."""
    return {name: value for name, value in ours.items() if name != "OMP_NUM_THREADS"} | {"OMP_WAIT_POLICY": "PASSIVE"}


def _end(child: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    child.kill()


def _said(tail: deque[str]) -> str:
    return " | ".join(line for line in tail if line) or "nothing"
