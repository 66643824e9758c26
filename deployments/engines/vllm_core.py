"""Start and end vLLM's engine processes."""

from __future__ import annotations

import gc
import multiprocessing
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

from vllm.config import VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.logger import DEFAULT_LOGGING_CONFIG
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.utils.gc_utils import freeze_gc_heap
from vllm.v1.executor import Executor

from deployments.engines.base import EngineInfo
from deployments.engines.core_process import CoreProcess
from deployments.engines.cpu_settings import Device
from deployments.engines.inherited import inherited
from deployments.engines.last_words import LastWords
from deployments.engines.vllm_client import WatchedLLM
from deployments.engines.vllm_executor import LeavingMultiprocExecutor, LeavingUniProcExecutor
from deployments.engines.vllm_handover import handed_to
from deployments.engines.vllm_load import Load, LoadLogger
from deployments.engines.vllm_punctual import aim
from deployments.scheduling.targets import Targets

# By name, because vLLM imports it in its own process: where it is chosen, no model code is needed.
_CPU_ADAPTER_WORKER = "deployments.engines.vllm_cpu_adapters.AdapterWorker"


@dataclass(frozen=True, slots=True)
class Core:
    """A running engine: its client here, and the processes that are its own."""

    llm: WatchedLLM
    config: VllmConfig
    processes: tuple[BaseProcess, ...]

    def info(self, name: str) -> EngineInfo:
        """Say what the engine turned out to be."""
        cache = self.config.cache_config
        return EngineInfo(
            model=name,
            max_model_len=self.config.model_config.max_model_len,
            slots=self.config.scheduler_config.max_num_seqs,
            kv_tokens=(cache.num_gpu_blocks or 0) * cache.block_size,
            batched_tokens=self.config.scheduler_config.max_num_batched_tokens,
            block_tokens=cache.block_size,
        )

    def unfinished(self) -> int:
        """Count the sequences that the engine has and that were neither finished nor aborted."""
        return int(self.llm.get_num_unfinished_requests())

    def hush(self) -> None:
        """Stop listening to the engine, which would take its own orderly end for a failure."""
        if self.llm.output_handler is not None:
            self.llm.output_handler.cancel()

    def shutdown(self, timeout_s: float) -> None:
        """End every process, by force after *timeout_s*; blocks."""
        gc.unfreeze()
        try:
            self.llm.shutdown(timeout=timeout_s)
        finally:
            for process in self.processes:
                process.kill()
            for process in self.processes:
                process.join(timeout_s)


def device() -> Device:
    """Say what this vLLM was built for."""
    return "cpu" if current_platform.is_cpu() else "gpu"


def settle() -> None:
    """Spare the garbage collector all that was made while starting, as vLLM's server does once it serves."""
    freeze_gc_heap()


def ranks(arguments: Namespace) -> int:
    """Count the worker processes of one engine on this node."""
    return int(arguments.tensor_parallel_size) * int(arguments.pipeline_parallel_size)


def build(
    arguments: Namespace,
    load: Load,
    environment: Mapping[str, str],
    last_words: LastWords,
    targets: Targets,
    waiting: CoreProcess | None = None,
) -> Core:
    """Start the engine and wait until its model is loaded; blocks, raises what vLLM raises.

    Its scheduler aims at *targets*.
    The engine core runs in *waiting* where that was started with the same *environment*.
    """
    fitting = waiting if waiting is not None and waiting.environment == environment else None
    if waiting is not None and fitting is None:
        waiting.close()
    before = set(multiprocessing.active_children()) - ({fitting.process} if fitting else set())
    with inherited({**environment, **last_words.environment(DEFAULT_LOGGING_CONFIG)}), handed_to(fitting):
        config = _configured(arguments)
        aim(config, targets)
        # Without the details nobody knows how many prompt tokens a step computed.
        told = config.observability_config.enable_logging_iteration_details
        config.observability_config.enable_logging_iteration_details = True
        llm = WatchedLLM(
            config,
            executor_class=_executor(config),
            log_stats=True,
            usage_context=UsageContext.OPENAI_API_SERVER,
            log_requests=arguments.enable_log_requests,
            stat_loggers=[lambda *_: LoadLogger(load, told=told)],
        )
    return Core(llm, config, tuple(set(multiprocessing.active_children()) - before))


def _configured(arguments: Namespace) -> VllmConfig:
    chosen = arguments.distributed_executor_backend
    if device() == "cpu" and chosen is None:
        # Inside a placement group vLLM would choose Ray's executor, which is made for GPUs.
        arguments.distributed_executor_backend = "mp"
    config = AsyncEngineArgs.from_cli_args(arguments).create_engine_config(UsageContext.OPENAI_API_SERVER)
    if device() == "cpu" and chosen is None and ranks(arguments) == 1:
        # vLLM always starts a worker process on CPU, because it binds OpenMP threads by a worker's environment. The
        # engine core inherits ours, which says the same, so the worker can live in it: a process and its imports less.
        config.parallel_config.distributed_executor_backend = "uni"
    if device() == "cpu" and config.lora_config is not None:
        config.parallel_config.worker_cls = _CPU_ADAPTER_WORKER
    return config


def _executor(config: VllmConfig) -> type[Executor]:
    leaving = {"uni": LeavingUniProcExecutor, "mp": LeavingMultiprocExecutor}
    backend = config.parallel_config.distributed_executor_backend
    return leaving.get(backend) or Executor.get_class(config)
