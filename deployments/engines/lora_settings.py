"""How an engine is set up for LoRA adapters, where it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

MAX_LORAS = 4
MAX_LORA_RANK = 32
MAX_CPU_LORAS = 16


def lora_defaults(arguments: Mapping[str, Any], adapters: Collection[str] = ()) -> dict[str, Any]:
    """Return the arguments of an engine that is to hold *adapters*, or any at all; what the pool says comes over them.

    Four adapters share a batch, of ranks as most are published; more than sixteen are read again when they are used.
    """
    if not (adapters or arguments.get("enable_lora")):
        return {}
    together = arguments.get("max_loras", MAX_LORAS)
    return {
        "enable_lora": True,
        "max_loras": MAX_LORAS,
        "max_lora_rank": MAX_LORA_RANK,
        "max_cpu_loras": max(MAX_CPU_LORAS, together) if isinstance(together, int) else MAX_CPU_LORAS,
    }
