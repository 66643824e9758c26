"""Executors that never outlive the process they work for."""

from __future__ import annotations

import os
import threading
from multiprocessing import connection, parent_process

from vllm.v1.executor.multiproc_executor import MultiprocExecutor
from vllm.v1.executor.uniproc_executor import UniProcExecutor


class LeavingUniProcExecutor(UniProcExecutor):  # type: ignore[misc]
    """Holds its one worker inside the engine core."""

    def _init_executor(self) -> None:
        leave_with_parent()
        super()._init_executor()


class LeavingMultiprocExecutor(MultiprocExecutor):  # type: ignore[misc]
    """Holds a worker process a rank; they leave with the engine core by vLLM's own means."""

    def _init_executor(self) -> None:
        leave_with_parent()
        super()._init_executor()


def leave_with_parent() -> None:
    """End this engine core as soon as its parent is gone.

    vLLM's engine core does not notice a parent that was killed and would hold its memory and cores for good.
    """
    parent = parent_process()
    if parent is None:
        return
    threading.Thread(target=_leave_after, args=(parent.sentinel,), name="leave with parent", daemon=True).start()


def _leave_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
