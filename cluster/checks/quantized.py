"""Quantised checkpoints whose kernels the machine lacks: vLLM starts with them, but answers come too late."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.config import ModelSpec
from cluster.plan import Machine
from cluster.problems import path_of
from cluster.sizing import device_of

_FLOAT = "in 8-bit floating point, which is for GPUs: vLLM starts on a CPU, and takes minutes for a single answer; "
_WAY_OUT = "`tercet quantize --scheme int8` writes what runs on both"


def unaccelerated(models: Mapping[str, ModelSpec], nodes: Sequence[Machine]) -> Iterator[str]:
    """Say of each model on CPUs in a folder of this machine that it is quantised for GPUs."""
    for name, model in models.items():
        on_cpu = model.runtime == "vllm" and device_of(model, nodes) == "cpu"
        if on_cpu and "float" in set(_kinds(Path(model.source).expanduser() / "config.json")):
            yield f"{path_of(('models', name, 'source'))}: the weights are {_FLOAT}{_WAY_OUT}"


def _kinds(config: Path) -> Iterator[str]:
    """Yield the kinds of number, `int` or `float`, that a checkpoint's weights are written in."""
    try:
        quantised = json.loads(config.read_text(encoding="utf-8"))["quantization_config"]
        if quantised.get("quant_method") == "fp8":
            yield "float"
        groups: Mapping[str, Any] = quantised.get("config_groups") or {}
        yield from (group["weights"]["type"] for group in groups.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # not quantised, or in a way that is not ours to judge
