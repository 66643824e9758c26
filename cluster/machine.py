"""The machine that a command runs on."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from cluster.plan import Machine

_NVIDIA = Path("/proc/driver/nvidia/gpus")


def this_machine() -> Machine:
    """Describe this machine as far as this process may use it."""
    return Machine(cpus=_cpus(), gpus=_gpus(), memory=psutil.virtual_memory().total)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in {"", "-1"}])
    return len(list(_NVIDIA.iterdir())) if _NVIDIA.is_dir() else 0
