"""Start the process of an engine core ahead of vLLM, where it is known what vLLM will start it with."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from deployments.engines.core_process import CoreProcess
from deployments.engines.cpu_libraries import preloads
from deployments.engines.cpu_settings import Device, environment

log = logging.getLogger(__name__)


def started_ahead(arguments: Mapping[str, Any], *, cores: Sequence[int] | None, local: bool) -> CoreProcess | None:
    """Start a process that imports what an engine core needs; None where vLLM must start it by its own means."""
    ranks = _ranks(arguments)
    if ranks is None:
        return None
    preload = preloads() if installed_for() == "cpu" else ()
    try:
        return CoreProcess(environment(cores=cores, ranks=ranks, preload=preload, local=local))
    except OSError as error:  # no memory or no process number left: the usual start says so if it is still true
        log.warning("engine_process_not_started reason=%s", error)
        return None


def installed_for() -> Device:
    """Say what the installed vLLM was built for, without importing it."""
    try:
        return "cpu" if "cpu" in version("vllm") else "gpu"
    except PackageNotFoundError:
        return "cpu"  # the build for CPU is a package of its own


def _ranks(arguments: Mapping[str, Any]) -> int | None:
    """Count the ranks of an engine whose one core is a process of this node; None for any other engine."""
    if arguments.get("distributed_executor_backend") == "ray" or arguments.get("data_parallel_size", 1) != 1:
        return None
    try:
        return int(arguments.get("tensor_parallel_size", 1)) * int(arguments.get("pipeline_parallel_size", 1))
    except (TypeError, ValueError):
        return None
