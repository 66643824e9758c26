"""Let vLLM start its engine core in a process that is already there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

import vllm.v1.engine.utils

from deployments.engines.core_process import CoreProcess

_ENGINE_CORE = "EngineCore"


@contextmanager
def handed_to(process: CoreProcess | None) -> Iterator[None]:
    """Give the engine core that vLLM starts in the block to *process*; vLLM starts its own where it cannot take it."""
    if process is None:
        yield
        return
    usual = vllm.v1.engine.utils.get_mp_context
    vllm.v1.engine.utils.get_mp_context = lambda: _Context(usual(), process)
    try:
        yield
    finally:
        vllm.v1.engine.utils.get_mp_context = usual
        process.close()


class _Context:
    """A multiprocessing context whose first engine core is *waiting*'s."""

    def __init__(self, usual: Any, waiting: CoreProcess) -> None:
        self._usual = usual
        self._waiting: CoreProcess | None = waiting

    def Process(self, *, target: Callable[..., None], name: str, kwargs: Mapping[str, Any]) -> BaseProcess:  # noqa: N802
        """Return a process that does this work once it is started."""
        waiting, self._waiting = self._waiting, None
        if name != _ENGINE_CORE or _bound(kwargs) or waiting is None or not waiting.run(target, kwargs):
            process: BaseProcess = self._usual.Process(target=target, name=name, kwargs=kwargs)
            return process
        waiting.process.start = _started  # type: ignore[method-assign]
        return waiting.process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usual, name)


def _bound(kwargs: Mapping[str, Any]) -> bool:
    """Say whether the process must be bound to memory nodes, which vLLM does by how it starts it."""
    return bool(kwargs["vllm_config"].parallel_config.numa_bind)


def _started() -> None:
    """Do nothing: the process runs."""
