"""Executors that never outlive the process they work for, and note how far they have come."""

from __future__ import annotations

from vllm.v1.executor.multiproc_executor import MultiprocExecutor
from vllm.v1.executor.uniproc_executor import UniProcExecutor

from deployments.engines.leaving import leave_with_parent
from deployments.engines.startup import note
from deployments.engines.vllm_grammar import bound_constraints


class _Noting:
    """Notes the ends of the stages that an executor comes through."""

    def _init_executor(self) -> None:
        leave_with_parent()
        bound_constraints()
        note("imports")
        super()._init_executor()  # type: ignore[misc]
        note("weights")

    def compile_or_warm_up_model(self) -> None:
        super().compile_or_warm_up_model()  # type: ignore[misc]
        note("kv_cache")


class LeavingUniProcExecutor(_Noting, UniProcExecutor):  # type: ignore[misc]
    """Holds its one worker inside the engine core."""


class LeavingMultiprocExecutor(_Noting, MultiprocExecutor):  # type: ignore[misc]
    """Holds a worker process a rank; they leave with the engine core by vLLM's own means."""
