"""The process that simulates knees, as the one that asks it sees it: one question at a time, and nobody waits."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import autoscale
from autoscale.capacity.knee import Knee
from autoscale.capacity.knee_source import KneeQuestion

_MODULE = "autoscale.sim.answering"
_ROOT = Path(autoscale.__file__ or "").parents[1]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class WorkerGoneError(Exception):
    """The process has ended; ``resting`` where it did so because nobody had asked it anything for a while."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"has ended with {code}")
        self.resting = code == 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question: a knee, or why there is none; ``cpu_s`` seconds of CPU time went into it."""

    knee: Knee | None
    error: str
    cpu_s: float


class KneeWorker:
    """Begin the process; it ends when it is closed or has nothing to do for *idle_s*, and with this process anyhow.

    It begins with nothing of this one but its libraries and its log: under Ray a child made by ``multiprocessing``
    would import Ray's worker, and know its job.
    """

    def __init__(self, idle_s: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE, str(idle_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
        )
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(self._process, self._answers), name="knee-answers", daemon=True).start()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def ask(self, question: KneeQuestion) -> None:
        """Have a question worked out. Raises WorkerGoneError where the process has ended."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(json.dumps(question.plain()).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._gone() from None

    def answer(self) -> Answer | None:
        """Return the answer, None while it is worked out. Raises WorkerGoneError where no whole one will come."""
        try:
            line = self._answers.get_nowait()
        except queue.Empty:
            return None
        if not line:
            raise self._gone()
        try:
            return _told(json.loads(line))
        except (ValueError, KeyError, TypeError):  # it ended in the middle of a line
            raise self._gone() from None

    def close(self) -> None:
        """End the process, whatever it does; may be called again."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # of what it has not read
                self._process.stdin.close()

    def _gone(self) -> WorkerGoneError:
        try:
            return WorkerGoneError(self._process.wait(timeout=1.0))
        except subprocess.TimeoutExpired:
            return WorkerGoneError(None)


def _told(plain: dict[str, Any]) -> Answer:
    knee = Knee.of(plain["knee"]) if "knee" in plain else None
    return Answer(knee, str(plain["error"]) if knee is None else "", float(plain["cpu_s"]))


def _environment() -> dict[str, str]:
    """Return this process's own, without what Ray told it, and with the place where it has its code from."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    paths = [str(_ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}


def _read(process: subprocess.Popen[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    """Pass lines on, and an empty one once the process has ended."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout as lines:
        for line in lines:
            answers.put(line)
    process.wait()
    answers.put(b"")
