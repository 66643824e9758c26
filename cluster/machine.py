"""The machine that a command runs on."""

from __future__ import annotations

import os
from pathlib import Path

from cluster.plan import Machine

_NVIDIA = Path("/proc/driver/nvidia/gpus")
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def this_machine() -> Machine:
    """Describe this machine as far as this process may use it."""
    return Machine(cpus=_cpus(), gpus=_gpus(), memory=_memory())


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in {"", "-1"}])
    return len(list(_NVIDIA.iterdir())) if _NVIDIA.is_dir() else 0


def _memory() -> int:
    """Return the machine's memory in bytes, or the container's limit where that is less."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(installed, int(_MEMORY_LIMIT.read_text()))
    except (OSError, ValueError):
        return installed
