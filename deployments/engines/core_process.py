"""A process for an engine core, started before anybody knows what it will run.

A replica imports vLLM for ten seconds and its engine core, a process of its own, imports it again. Started first, the
core's process does so at the same time; then it waits for its work on a pipe that only its parent holds.
"""

from __future__ import annotations

import multiprocessing
import os
import weakref
from collections.abc import Callable, Mapping
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pickle import PicklingError
from typing import Any

from deployments.engines.importing import uncollected
from deployments.engines.inherited import inherited
from deployments.engines.leaving import leave_with_parent

JOIN_S = 5.0
PRELOAD = "deployments.engines.vllm_preload"


class CoreProcess:
    """One such process, which imports *module*.

    ``environment`` is what it was started with: its libraries and the number of its threads follow from that.
    """

    def __init__(self, environment: Mapping[str, str], module: str = PRELOAD) -> None:
        self.environment = dict(environment)
        context = multiprocessing.get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        # The name is the one that vLLM gives: its log lines carry it.
        self.process: BaseProcess = context.Process(target=_wait, args=(theirs, module), name="EngineCore")
        with inherited(environment), theirs:
            self.process.start()
        self._work = ours
        self._ending = weakref.finalize(self, _end, self.process, ours)

    def run(self, target: Callable[..., None], arguments: Mapping[str, Any]) -> bool:
        """Run *target* there, with this process's environment of now; False where the process cannot take it.

        Blocks until the process has imported what it needs. Afterwards it belongs to the caller.
        """
        try:
            self._work.send((dict(os.environ), target, dict(arguments)))
        except (OSError, RuntimeError, PicklingError):  # it has died; or they hold what only a start can pass on
            return False
        self._ending.detach()
        self._work.close()
        return True

    def close(self) -> None:
        """End the process unless it was given work."""
        self._ending()


def _end(process: BaseProcess, work: Connection) -> None:
    work.close()
    process.kill()
    process.join(JOIN_S)


def _wait(work: Connection, module: str) -> None:
    """Import, wait, work: what the process does."""
    leave_with_parent()
    with uncollected():
        import_module(module)
    with work:
        try:
            environment, target, arguments = work.recv()
        except EOFError:
            return
    os.environ.update(environment)
    target(**arguments)
